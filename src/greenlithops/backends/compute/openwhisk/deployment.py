"""Actions of OpenWhisk: made, brought up to date, listed and deleted by its API."""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from greenlithops.backends.compute.hosted import Service
from greenlithops.backends.compute.package import package
from greenlithops.backends.compute.rest import Rest
from greenlithops.backends.compute.services import PYTHON, digest_of, with_files
from greenlithops.errors import ConfigurationError
from greenlithops.offload import off_loop
from greenlithops.worker.openwhisk_action import VARIABLES
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from greenlithops.backends.compute.openwhisk.options import OpenWhiskOptions
    from greenlithops.backends.compute.package import Package

MADE_OF = "greenlithops"  #: the annotation that says what an action was made of
PAGE = 200
_MAIN = {"__main__.py": "from greenlithops.worker.openwhisk_action import main\n"}


class Actions:
    """The actions of a package.

    Args:
        options: where it is, and what its actions are like.
    """

    def __init__(self, options: OpenWhiskOptions) -> None:
        self.options = options
        self.proof = {"Authorization": f"Basic {_encoded(options.api_key.encode())}"}
        self.rest = Rest(
            "OpenWhisk",
            self._authorize,
            patience=options.patience,
            verify=not options.insecure,
        )
        self._base = (
            f"{options.endpoint.rstrip('/')}/api/v1/namespaces/{_quoted(options.namespace)}"
        )

    async def _authorize(self, _method: str, _url: str, _body: bytes) -> Mapping[str, str]:
        return self.proof

    def url(self, name: str) -> str:
        """Return where an action is."""
        return f"{self._base}/actions/{_quoted(self.options.package)}/{_quoted(name)}"

    def activation_url(self, activation: str = "") -> str:
        """Return where the record of an activation is, or those of all."""
        return f"{self._base}/activations" + (f"/{_quoted(activation)}" if activation else "")

    async def open(self) -> None:
        """Make room for connections."""
        await self.rest.open()

    async def close(self) -> None:
        """Close the connections."""
        await self.rest.close()

    async def ensure(self) -> Service:
        """Return the action with these options, made or brought up to date if need be.

        Raises:
            ConfigurationError: somebody else's action has the name, or the code cannot be made.
            ServiceRefused: OpenWhisk does not take it.
            ServiceUnavailable: it is not reached.
        """
        options = self.options
        code = await off_loop(package, tuple(options.requirements), options.architecture)
        name = action_name(options, code)
        found = await self.rest.find(self.url(name), {"code": "false"})
        key = None if found is None else variables_of(found).get(KEY_VARIABLE)
        if found is not None and key is None:
            raise ConfigurationError(
                f"openwhisk: the action {name} is none of greenlithops: give another name"
            )
        key = key or secrets.token_hex(32)
        made_of = action(options, code, key, "")
        if found is None or notes(found).get(MADE_OF) != notes(made_of)[MADE_OF]:
            await self.rest.ask(
                "PUT",
                f"{self._base}/packages/{_quoted(options.package)}",
                {"annotations": []},
                {"overwrite": "true"},
            )
            archive = await off_loop(code.archive)
            zipped = await off_loop(with_files, archive, _MAIN)
            text = await off_loop(_encoded, zipped)
            found = await self.rest.create(
                self.url(name),
                action(options, code, key, text),
                {"overwrite": "false" if found is None else "true"},
                method="PUT",
            )
            if found is None:  # somebody else was faster
                found = await self.rest.ask("GET", self.url(name), query={"code": "false"})
                key = variables_of(found)[KEY_VARIABLE]
        return replace(deployed(found), key=key)

    async def services(self) -> AsyncIterator[Service]:
        """Give the actions of the package that are greenlithops'."""
        skip = 0
        while True:
            page = await self.rest.ask(
                "GET", f"{self._base}/actions", query={"limit": str(PAGE), "skip": str(skip)}
            )
            found = page.get("value") or []
            for one in found:
                inside = str(one.get("namespace", "")).partition("/")[2]
                if inside == self.options.package and MADE_OF in notes(one):
                    yield deployed(one)
            skip += PAGE
            if len(found) < PAGE:
                return

    async def delete(self, name: str) -> None:
        """Delete an action; a missing one is fine."""
        await self.rest.delete(self.url(name))

    async def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give the lines of the newest activations of the last seconds, oldest first."""
        since = time.time() - seconds
        query = {
            "name": f"{self.options.package}/{name}",
            "since": str(int(since * 1000)),
            "limit": str(PAGE),
        }
        page = await self.rest.ask("GET", self.activation_url(), query=query)
        for one in reversed(page.get("value") or []):
            url = f"{self.activation_url(one['activationId'])}/logs"
            said = await self.rest.find(url)
            for line in (said or {}).get("logs") or []:
                yield line


def action_name(options: OpenWhiskOptions, code: Package) -> str:
    """Return the name of the action that has these options.

    Another version of the code has another name, so that two of them never take turns.
    """
    if options.name is not None:
        return options.name
    digest = digest_of((code.digest, options.runtime))
    return f"py{PYTHON.replace('.', '')}-{options.runtime_memory}-{digest}"


def action(options: OpenWhiskOptions, code: Package, key: str, text: str) -> dict[str, Any]:
    """Return an action as OpenWhisk takes it.

    Args:
        options: what it is like.
        code: what it runs.
        key: what messages to it are authenticated with.
        text: the code itself, in base64.
    """
    kind, image = options.runtime, None
    if not kind.startswith("python:"):
        kind, image = "blackbox", options.runtime
    executed = {"kind": kind, "code": text, "main": "main", "binary": True}
    if image is not None:
        executed["image"] = image
    limits = {"timeout": options.runtime_timeout * 1000, "memory": options.runtime_memory}
    own = json.dumps(options.environment() | {KEY_VARIABLE: key})
    made_of = digest_of((code.digest, kind, image, limits, options.environment()))
    return {
        "exec": executed,
        "limits": limits,
        # It is a variable of the environment where OpenWhisk knows of that, and an argument else.
        "parameters": [{"key": VARIABLES, "value": own, "init": True}],
        "annotations": [
            {"key": MADE_OF, "value": made_of},
            {"key": "final", "value": True},  # an invocation cannot bring a key of its own
            {"key": "provide-api-key", "value": False},
        ],
    }


def notes(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the annotations of an action, or of an activation."""
    return {one["key"]: one.get("value") for one in found.get("annotations") or ()}


def variables_of(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that are bound to an action; none of somebody else's."""
    bound = {one["key"]: one.get("value") for one in found.get("parameters") or ()}
    said: dict[str, str] = json.loads(bound.get(VARIABLES) or "{}")
    return said


def deployed(found: Mapping[str, Any]) -> Service:
    """Return an action as a service that is there."""
    limits, timeout = found.get("limits") or {}, (found.get("limits") or {}).get("timeout")
    updated = found.get("updated")
    return Service(
        name=found["name"],
        url=None,  # it takes the API's own requests
        memory_mb=limits.get("memory"),
        timeout_seconds=None if timeout is None else timeout / 1000,
        package=notes(found).get(MADE_OF),
        modified="" if updated is None else str(updated),
    )


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _quoted(name: str) -> str:
    return quote(name, safe="")
