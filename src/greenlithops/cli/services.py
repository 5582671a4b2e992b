"""Runtimes of function services: deployed, listed and deleted, with what they have logged."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from greenlithops.cli.options import out, print_json, print_rows
from greenlithops.errors import UsageError
from greenlithops.registry import compute_backend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from greenlithops.config.settings import Settings

COLUMNS = ("Runtime Name", "Memory Size", "Version", "Worker Name")
DEFAULT, ALL = "default", "all"  #: a name that follows from what is deployed; every one


class Runtime(Protocol):
    """What a service tells of something that is deployed there."""

    @property
    def name(self) -> str:
        """The service's name for it."""
        ...

    @property
    def python(self) -> str | None:
        """The minor version of Python that it runs, such as ``3.12``."""
        ...

    @property
    def memory_mb(self) -> float | None:
        """Its memory, in megabytes of 1,048,576 bytes."""
        ...

    @property
    def package(self) -> str | None:
        """The digest of its code."""
        ...


class Deployer(Protocol):
    """Knows the control plane of a service."""

    async def open(self) -> None:
        """Find the credentials."""
        ...

    async def close(self) -> None:
        """Close the connections; it may not have been opened."""
        ...

    async def ensure(self) -> Runtime:
        """Return the runtime that is wanted, made or brought up to date if need be."""
        ...

    def services(self) -> AsyncIterator[Runtime]:
        """Give what is deployed of greenlithops."""
        ...

    async def delete(self, name: str, /) -> None:
        """Delete a runtime; a missing one is fine."""
        ...

    def logs(self, name: str, seconds: float, /) -> AsyncIterator[str]:
        """Give the lines that a runtime has logged in the last seconds, oldest first."""
        ...


@runtime_checkable
class SupportsDeployment(Protocol):
    """A backend that has something to deploy."""

    @property
    def deployer(self) -> Deployer:
        """What deploys it, without it being open."""
        ...


def deploy(
    found: Settings,
    name: str,
    *,
    as_json: bool,
    memory: int | None = None,
    timeout: int | None = None,
) -> bool:
    """Deploy a runtime, or bring it up to date; return whether the backend has any."""
    named = None if name == DEFAULT else name
    options = {"runtime": named, "runtime_memory": memory, "runtime_timeout": timeout}
    chosen = {key: value for key, value in options.items() if value is not None}

    async def work(deployer: Deployer) -> None:
        row = _row(await deployer.ensure())
        print_rows(COLUMNS, [row], as_json=as_json, total="runtimes")

    return _with_deployer(found, work, chosen)


def show(found: Settings, name: str, *, as_json: bool) -> bool:
    """Print the runtimes of a service; return whether the backend has any."""

    async def work(deployer: Deployer) -> None:
        rows = [_row(one) async for one in deployer.services()]
        wanted = [row for row in rows if name in {ALL, row["Runtime Name"], row["Worker Name"]}]
        print_rows(COLUMNS, wanted, as_json=as_json, total="runtimes")

    return _with_deployer(found, work)


def delete(
    found: Settings,
    name: str,
    *,
    as_json: bool,
    memory: str | None = None,
    version: str | None = None,
) -> bool:
    """Delete runtimes by their worker's name; return whether the backend has any.

    Args:
        found: which backend.
        name: the name, or `ALL`.
        as_json: whether to print JSON.
        memory: of which memory only, in MB.
        version: of which version only, as `show` prints it, or how that begins.
    """

    def meant(one: Runtime) -> bool:
        return (
            name in {ALL, one.name}
            and (memory is None or one.memory_mb == float(memory))
            and (version is None or (one.package or "").startswith(version))
        )

    if memory is not None and not memory.isdecimal():
        raise UsageError(f"--memory takes a number of MB, not {memory!r}")
    names: list[str] = []
    known = _with_deployer(found, partial(_delete, meant, names))
    if not known:
        return False
    if as_json:
        print_json({"deleted": names})
    else:
        out().print(f"Deleted runtimes: {len(names)}")
    return True


def clean(found: Settings) -> list[str]:
    """Delete all runtimes of a service; return their names, none where there are no runtimes."""
    names: list[str] = []
    _with_deployer(found, partial(_delete, lambda _: True, names))
    return names


async def _delete(meant: Callable[[Runtime], bool], names: list[str], deployer: Deployer) -> None:
    names += [one.name async for one in deployer.services() if meant(one)]
    for one in names:
        await deployer.delete(one)


def logs(found: Settings, name: str, seconds: float, *, as_json: bool) -> bool:
    """Print what a runtime has logged; return whether the backend has any."""

    async def work(deployer: Deployer) -> None:
        lines = [line async for line in deployer.logs(name, seconds)]
        if as_json:
            print_json(lines)
        else:
            sys.stdout.writelines(f"{line}\n" for line in lines)

    return _with_deployer(found, work)


def _with_deployer(
    found: Settings,
    work: Callable[[Deployer], Coroutine[Any, Any, None]],
    chosen: dict[str, Any] | None = None,
) -> bool:
    """Do something with the deployer of a backend; return whether it has one."""

    async def run() -> bool:
        options = dict(found.options.get("backend_options", {})) | (chosen or {})
        backend = await compute_backend(found.backend, options)
        if not isinstance(backend, SupportsDeployment):
            return False
        async with _open(backend.deployer) as deployer:
            await work(deployer)
        return True

    return found.mode == "serverless" and asyncio.run(run())


@asynccontextmanager
async def _open(deployer: Deployer) -> AsyncIterator[Deployer]:
    try:
        await deployer.open()
        yield deployer
    finally:
        await deployer.close()


def _row(one: Runtime) -> dict[str, Any]:
    python = f"python{one.python}" if one.python else None
    return dict(zip(COLUMNS, (python, one.memory_mb, one.package, one.name), strict=True))
