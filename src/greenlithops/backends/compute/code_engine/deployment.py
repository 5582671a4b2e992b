"""Applications of Code Engine: made, brought up to date, waited for, listed and deleted."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.code_engine.tokens import Tokens
from greenlithops.backends.compute.hosted import Service
from greenlithops.backends.compute.http.refusals import refusal
from greenlithops.backends.compute.rest import Rest, becomes
from greenlithops.backends.compute.services import PYTHON, digest_of
from greenlithops.errors import ConfigurationError, NotSupported, ServiceRefused
from greenlithops.worker.application import CONCURRENCY_VARIABLE
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from greenlithops.backends.compute.code_engine.options import CodeEngineOptions

API_VERSION = "2026-09-04"
MADE_OF = "GREENLITHOPS_MADE_OF"  #: the variable that says what an application was made of
PORT = 8080
PAGE = "100"
_PATCH = "application/merge-patch+json"


class CodeEngineDeployer:
    """The applications of a project.

    Args:
        options: what the one that is wanted is like, and where.
    """

    def __init__(self, options: CodeEngineOptions) -> None:
        self.options = options
        tokens = Tokens(options.iam_endpoint, options.iam_api_key, options.token)
        self.rest = Rest("Code Engine", tokens.authorize, patience=options.patience)
        self._project = options.project_id or ""
        self._version = {"version": API_VERSION}

    def _url(self, *parts: str) -> str:
        return "/".join([self.options.api(), "projects", self._project, *parts])

    async def open(self) -> None:
        """Make room for connections, and find the project, if it is there."""
        await self.rest.open()
        if not self._project:
            self._project = await self._named_project() or ""

    async def close(self) -> None:
        """Close the connections."""
        await self.rest.close()

    async def headers(self) -> Mapping[str, str]:
        """Return nothing: messages have the application's key."""
        return {}

    def meaning(self, status: int, headers: Mapping[str, Any], text: str) -> Exception:
        """Return what an HTTP status other than 200 means for the calls of an invocation."""
        return refusal(status, headers, text)

    async def ensure(self) -> Service:
        """Return the application with these options when it is ready."""
        options, name = self.options, application_name(self.options)
        if not self._project:
            self._project = await self._made_project()
        found = await self.rest.find(self._url("apps", name), self._version)
        if found is not None and made_of(found) is None:
            raise ConfigurationError(
                f"code_engine: the application {name} is none of greenlithops: give another name"
            )
        key = await self._secret(name, "generic", {KEY_VARIABLE: secrets.token_hex(32)})
        if options.docker_password is not None:
            access = {
                "username": options.docker_user or "",
                "password": options.docker_password,
                "server": options.docker_server,
            }
            await self._secret(registry_secret(name), "registry", access)
        wanted = application(options)
        if found is None:
            await self.rest.create(self._url("apps"), wanted, self._version)
        elif made_of(found) != made_of(wanted):
            del wanted["name"]
            await self.rest.ask(
                "PATCH",
                self._url("apps", name),
                wanted,
                self._version,
                {"Content-Type": _PATCH, "If-Match": found["entity_tag"]},
            )
        ready = await becomes(
            lambda: self._ready(name), f"the application {name}", options.ready_seconds, first=0.2
        )
        return _service(ready, key[KEY_VARIABLE])

    async def _named_project(self) -> str | None:
        """Return the project of this name, or None."""
        options = self.options
        async for one in self._pages(f"{options.api()}/projects", "projects"):
            if one["name"] == options.project_name and one.get("region") in {options.region, None}:
                return str(one["id"])
        return None

    async def _made_project(self) -> str:
        """Make the project, and return it."""
        options = self.options
        wanted = {"name": options.project_name}
        if options.resource_group_id is not None:
            wanted["resource_group_id"] = options.resource_group_id
        url = f"{options.api()}/projects"
        made = await self.rest.ask("POST", url, wanted, self._version)

        async def active() -> str | None:
            found = await self.rest.ask("GET", f"{url}/{made['id']}", query=self._version)
            if str(found.get("status")).endswith("_failed"):
                raise ServiceRefused(
                    f"the project {options.project_name} cannot be made: {found['status']}"
                )
            return str(made["id"]) if found.get("status") == "active" else None

        return await becomes(
            active, f"the project {options.project_name}", options.ready_seconds, first=0.5
        )

    async def _secret(self, name: str, kind: str, data: dict[str, str]) -> dict[str, str]:
        """Return the content of a secret; made if there is none."""
        wanted = {"format": kind, "name": name, "data": data}
        made = await self.rest.create(self._url("secrets"), wanted, self._version)
        if made is None:
            found = await self.rest.ask("GET", self._url("secrets", name), query=self._version)
            if kind == "generic":
                if KEY_VARIABLE not in found.get("data", {}):
                    raise ConfigurationError(
                        f"code_engine: the secret {name} is none of greenlithops"
                    )
                return dict(found["data"])
            await self.rest.ask(
                "PUT",
                self._url("secrets", name),
                {"format": kind, "data": data},
                self._version,
                {"If-Match": found["entity_tag"]},
            )
        return data

    async def _ready(self, name: str) -> dict[str, Any] | None:
        found = await self.rest.find(self._url("apps", name), self._version)
        if found is None:
            raise ServiceRefused(f"the application {name} was deleted while it was made")
        status, details = found.get("status"), found.get("status_details") or {}
        if status in {"failed", "warning"}:
            why = await self._why(name) or details.get("reason") or "no reason is known"
            raise ServiceRefused(f"the application {name} cannot be made: {why}")
        newest, ready = (details.get(f"latest_{what}_revision") for what in ("created", "ready"))
        return found if status == "ready" and newest == ready else None

    async def _why(self, name: str) -> str | None:
        """Return what is wrong with the newest revision that has failed."""
        why = None
        async for one in self._pages(self._url("apps", name, "revisions"), "revisions"):
            if one.get("status") == "failed":
                why = (one.get("status_details") or {}).get("reason") or why
        return why

    async def _pages(self, url: str, what: str) -> AsyncIterator[dict[str, Any]]:
        query = {**self._version, "limit": PAGE}
        while True:
            page = await self.rest.ask("GET", url, query=query)
            for one in page.get(what) or ():
                yield one
            if not (start := (page.get("next") or {}).get("start")):
                return
            query["start"] = start

    async def services(self) -> AsyncIterator[Service]:
        """Give the applications of greenlithops in the project."""
        if not self._project:
            return
        async for one in self._pages(self._url("apps"), "apps"):
            if made_of(one) is not None:
                yield _service(one, None)

    def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give nothing, but say where the lines are.

        Raises:
            NotSupported: always; Code Engine's API has no logs.
        """
        raise NotSupported(
            f"code_engine: the API has no logs; those of the last {seconds:g} s are in IBM Cloud "
            f"Logs: ibmcloud ce app logs --name {name}"
        )

    async def delete(self, name: str) -> None:
        """Delete an application with its secrets; a missing one is fine."""
        if not self._project:
            return
        found = await self.rest.find(self._url("apps", name), self._version)
        if found is not None and made_of(found) is None:
            raise ConfigurationError(f"code_engine: the application {name} is none of greenlithops")
        await self.rest.delete(self._url("apps", name), self._version)
        for secret in (name, registry_secret(name)):
            await self.rest.delete(self._url("secrets", secret), self._version)


def application_name(options: CodeEngineOptions) -> str:
    """Return the name of the application that has these options.

    Another image, size or Python has another name, so that two of them never take turns.
    """
    if options.name is not None:
        return options.name
    content = (options.runtime, options.runtime_memory, options.runtime_cpu, PYTHON)
    return f"greenlithops-py{PYTHON.replace('.', '')}-{digest_of(content)}"


def registry_secret(name: str) -> str:
    """Return the name of the secret with which an application's image is had."""
    return f"{name}-registry"


def application(options: CodeEngineOptions) -> dict[str, Any]:
    """Return an application as Code Engine takes it; what it is made of stands in a variable."""
    name = application_name(options)
    wanted: dict[str, Any] = {
        "name": name,
        "image_reference": options.runtime,
        "image_port": PORT,
        "run_commands": [options.command[0]],
        "run_arguments": list(options.command[1:]),
        "scale_concurrency": options.container_concurrency,
        "scale_cpu_limit": f"{options.runtime_cpu:g}",
        "scale_memory_limit": f"{options.runtime_memory / 1024:g}G",
        "scale_min_instances": options.min_scale,
        "scale_max_instances": options.max_scale,
        "scale_request_timeout": options.runtime_timeout,
    }
    secret = registry_secret(name) if options.docker_password is not None else options.image_secret
    if secret is not None:
        wanted["image_secret"] = secret
    given = options.environment() | {CONCURRENCY_VARIABLE: str(options.container_concurrency)}
    literal = [{"type": "literal", "name": key, "value": value} for key, value in given.items()]
    own = {
        "type": "secret_key_reference",
        "name": KEY_VARIABLE,
        "reference": name,
        "key": KEY_VARIABLE,
    }
    wanted["run_env_variables"] = [*literal, own]
    said = {"type": "literal", "name": MADE_OF, "value": digest_of(wanted)}
    wanted["run_env_variables"].append(said)
    return wanted


def made_of(found: Mapping[str, Any]) -> str | None:
    """Return the digest of what an application was made of; None of somebody else's."""
    pairs = {one.get("name"): one.get("value") for one in found.get("run_env_variables") or ()}
    return pairs.get(MADE_OF)


def _service(found: Mapping[str, Any], key: str | None) -> Service:
    """Return an application as a service that is there."""
    memory = str(found["scale_memory_limit"])
    return Service(
        name=found["name"],
        url=found.get("endpoint"),
        memory_mb=float(memory.removesuffix("G")) * 1024 if memory.endswith("G") else None,
        timeout_seconds=found.get("scale_request_timeout"),
        package=found["image_reference"],
        modified=str(found.get("created_at") or ""),
        key=key,
    )
