"""Deletes what a program has created in a cluster when the program is killed.

A process of its own waits for the end of a pipe, which the kernel closes with the program; then it
deletes the one object that owns all others. What is left when the whole machine is lost, the
cluster deletes by itself, some minutes later.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import ssl
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

from greenlithops.backends.compute.kubernetes.naming import name_of
from greenlithops.errors import GreenlithopsError

SECONDS = 120.0  #: for which it tries to reach the server
QUICK_SECONDS = 10.0  #: for which it tries the quick way

_left: list[subprocess.Popen[bytes]] = []  #: those that go on without this process


class Guardian:
    """What cleans up after this process.

    Args:
        options: of `KubernetesOptions`, as far as they say where the cluster is.
        session: what is deleted.
        access: how the server is reached now, as `Api.access` has it.
    """

    def __init__(
        self, options: dict[str, Any], session: str, access: dict[str, Any] | None
    ) -> None:
        lifeline_end, self._lifeline = os.pipe()
        module = "greenlithops.backends.compute.kubernetes.guardian"
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(lifeline_end)],
                stdin=subprocess.DEVNULL,
                pass_fds=(lifeline_end,),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._lifeline)
            raise
        finally:
            os.close(lifeline_end)
        os.write(self._lifeline, json.dumps([options, session, access]).encode() + b"\n")

    def dismiss(self) -> None:
        """End it: there is nothing to clean up."""
        self._process.kill()
        self._process.wait()
        os.close(self._lifeline)

    def leave(self) -> None:
        """Have it clean up now; this process does not wait for it."""
        os.close(self._lifeline)
        _left.append(self._process)


def quickly(access: dict[str, Any], namespace: str, session: str) -> bool:
    """Delete a session by what its program last knew of the server; return whether that worked.

    The usual way imports a client that takes seconds to import, and a minute on a machine that is
    as busy as the one on which a program was killed may be.
    """
    place = urlsplit(access["host"])
    port = place.port or (443 if place.scheme == "https" else 80)
    try:
        connection: http.client.HTTPConnection
        if place.scheme == "https":
            context = ssl.create_default_context(cafile=access["ca"])
            if access["cert"]:
                context.load_cert_chain(access["cert"], access["key"])
            if not access["verify"]:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = http.client.HTTPSConnection(
                place.hostname or "", port, timeout=QUICK_SECONDS, context=context
            )
        else:
            connection = http.client.HTTPConnection(
                place.hostname or "", port, timeout=QUICK_SECONDS
            )
        with contextlib.closing(connection):
            connection.request(
                "DELETE",
                f"{place.path.rstrip('/')}/apis/batch/v1/namespaces/{namespace}/jobs/"
                f"{name_of(session)}",
                json.dumps({"propagationPolicy": "Background"}),
                {"Content-Type": "application/json", **access["headers"]},
            )
            return connection.getresponse().status in (200, 202, 404)
    except (OSError, ValueError, http.client.HTTPException):
        return False  # the usual way says better what is wrong


async def clean(options: dict[str, Any], session: str) -> None:
    """Delete a session."""
    from greenlithops.backends.compute.kubernetes.api import Api  # noqa: PLC0415 - only if needed
    from greenlithops.backends.compute.kubernetes.options import KubernetesOptions  # noqa: PLC0415
    from greenlithops.errors import ServiceUnavailable, Throttled  # noqa: PLC0415

    api = await Api.open(KubernetesOptions(image="none", **options))
    try:
        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    return await api.delete("Job", name_of(session))
                except (ServiceUnavailable, Throttled):
                    await asyncio.sleep(1.0)
    finally:
        await api.close()


def main(lifeline: int) -> None:
    """Wait for the end of the program; clean up after it."""
    with os.fdopen(lifeline, "rb") as pipe:
        options, session, access = json.loads(pipe.readline() or b"[null, null, null]")
        pipe.read()  # until the program is gone
    if access is not None and quickly(access, options["namespace"], session):
        return
    if options is not None:
        with contextlib.suppress(GreenlithopsError, TimeoutError):  # nobody is left to be told
            asyncio.run(clean(options, session))


if __name__ == "__main__":
    main(int(sys.argv[1]))
