"""What runs in a pod that has one invocation: gets it from a storage, and puts the reply there.

``python -m greenlithops.backends.compute.kubernetes.errand SETTINGS PARCELS [--index N]``. It needs
no credentials: the URLs were signed for it. The reply is put in any case, also if the process of
the call died; a pod that cannot tell ends with an error, so that the cluster starts another one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from greenlithops.backends.compute.kubernetes.child import (
    Child,
    answered,
    metering_of,
    mounted,
)
from greenlithops.offload import off_loop
from greenlithops.worker import transfer

GONE = (403, 404)  #: what storages answer about what is not there (any more)


def sealed(status: str, body: bytes, more: dict[str, Any]) -> bytes:
    """Return a reply as it lies in a storage: a line of JSON, then the message."""
    return json.dumps({"s": status, "x": more}).encode() + b"\n" + body


def opened(data: bytes) -> tuple[str, bytes, dict[str, Any]]:
    """Return what a reply says that `sealed` has made."""
    line, _, body = data.partition(b"\n")
    head = json.loads(line)
    return head["s"], body, head["x"]


async def run(settings: dict[str, Any], parcels: list[list[str]], index: int) -> None:
    """Run an invocation.

    Args:
        settings: what the session's Secret says.
        parcels: for each invocation, where it is, and where its reply shall be put.
        index: which of them.
    """
    source, target = parcels[index]
    try:
        body = await off_loop(transfer.get, source)
    except HTTPError as error:
        if error.code in GONE:
            return  # nobody wants it any more
        raise
    # The first process of a container ignores the signal unless it says otherwise.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, sys.exit, 1)
    child, metering = Child(bytes.fromhex(settings["key"])), metering_of(settings)
    try:
        status, reply, more = await answered(child, body, settings.get("timeout"), metering)
    finally:
        await child.end()
        if metering is not None:
            await metering.close()
    more["worker"] = os.environ.get("GREENLITHOPS_POD") or os.uname().nodename
    await off_loop(transfer.put, target, sealed(status, reply, more))


def main(arguments: list[str] | None = None) -> None:
    """Run the invocation of a pod."""
    parser = argparse.ArgumentParser(description="Run one invocation of greenlithops in this pod.")
    parser.add_argument("settings", type=Path, help="a JSON file of the session")
    parser.add_argument("parcels", type=Path, help="a JSON file that says where its calls are")
    index = int(os.environ.get("JOB_COMPLETION_INDEX", "0"))
    parser.add_argument("--index", type=int, default=index, help="which of them")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=os.environ.get("GREENLITHOPS_LOG", "WARNING"), stream=sys.stderr)
    asyncio.run(_main(given.settings, given.parcels, given.index))


async def _main(settings: Path, place: Path, index: int) -> None:
    parcels = await mounted(place)
    if isinstance(parcels, str):  # they are too many for a Secret
        parcels = json.loads(await off_loop(transfer.get, parcels))
    await run(await mounted(settings), parcels, index)


if __name__ == "__main__":
    main()
