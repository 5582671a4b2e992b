"""The commands about runtimes, images, jobs and machines of engines, under Lithops' names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from greenlithops import __version__
from greenlithops.cli import services
from greenlithops.cli.failing import one_line_errors
from greenlithops.cli.kubernetes.building import (
    RECIPES,
    Architecture,
    Base,
    Output,
    Push,
    Requirement,
    build_image,
)
from greenlithops.cli.options import (
    AsJson,
    Backend,
    ConfigFile,
    Debug,
    Region,
    StorageName,
    print_rows,
    set_debug,
    settings,
)
from greenlithops.errors import ExecutorError

if TYPE_CHECKING:
    from greenlithops.config.settings import Settings

runtime = typer.Typer(no_args_is_help=True, help="What calls run in: images, layers, interpreters.")
image = typer.Typer(no_args_is_help=True, help="Disk images of virtual machines.")
job = typer.Typer(no_args_is_help=True, help="Jobs on virtual machines.")
worker = typer.Typer(no_args_is_help=True, help="Virtual machines.")

BuildFile = Annotated[
    Path | None, typer.Option("--file", "-f", help="What it is built from.", exists=True)
]


def chosen(
    config: Path | None,
    backend: str | None,
    debug: bool,
    storage: str | None = None,
    region: str | None = None,
) -> Settings:
    """Return the settings that the options mean."""
    set_debug(debug)
    return settings(config, backend, storage, region)


def refuse(found: Settings, what: str, kind: str) -> NoReturn:
    """Say that a backend has no such thing.

    Raises:
        ExecutorError: always.
    """
    raise ExecutorError(
        f"the backend {found.backend!r} ({found.mode}) has no {what}: that is for {kind} "
        "backends; name one with --backend"
    )


@runtime.command(
    "build", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def runtime_build(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The runtime.")] = None,
    file: BuildFile = None,
    config: ConfigFile = None,
    backend: Backend = None,
    base: Base = None,
    requirement: Requirement = None,
    architecture: Architecture = "amd64",
    output: Output = None,
    push: Push = False,
    debug: Debug = False,
    as_json: AsJson = False,
) -> None:
    """Build the image of a runtime: of pods, or of a function service that takes images.

    Options that are not listed here are passed on to what builds it, podman or docker.
    """
    with one_line_errors():
        named = backend if backend in RECIPES else chosen(config, backend, debug).backend
        if named not in RECIPES:
            found = chosen(config, backend, debug)
            refuse(found, f"runtime {name or ''}to build".strip(), "serverless")
        build_image(
            name,
            file,
            base=base,
            requirements=requirement or [],
            architecture=architecture,
            output=output,
            push=push,
            backend=named,
            as_json=as_json,
            arguments=context.args,
        )


@runtime.command("deploy")
def runtime_deploy(
    name: Annotated[str, typer.Argument(help="The runtime.")],
    config: ConfigFile = None,
    backend: Backend = None,
    storage: StorageName = None,
    memory: Annotated[int | None, typer.Option(help="MB of a worker.")] = None,
    timeout: Annotated[int | None, typer.Option(help="Seconds of a worker.")] = None,
    debug: Debug = False,
    as_json: AsJson = False,
) -> None:
    """Deploy a runtime; "default" is the one whose name follows from its content."""
    with one_line_errors():
        found = chosen(config, backend, debug, storage)
        if not services.deploy(found, name, memory=memory, timeout=timeout, as_json=as_json):
            refuse(found, f"runtime {name!r}", "serverless")


@runtime.command("list")
def runtime_list(
    name: Annotated[str, typer.Argument(help="The runtime, or all.")] = "all",
    config: ConfigFile = None,
    backend: Backend = None,
    storage: StorageName = None,
    debug: Debug = False,
    as_json: AsJson = False,
) -> None:
    """List deployed runtimes. On this machine, that is the interpreter."""
    with one_line_errors():
        found = chosen(config, backend, debug, storage)
        if found.mode != "localhost":
            if not services.show(found, name, as_json=as_json):
                refuse(found, "runtimes to list", "serverless")
            return
        row = dict(
            zip(
                services.COLUMNS,
                (sys.executable, found.runtime_memory, __version__, "localhost"),
                strict=True,
            )
        )
        rows = [row] if name in {"all", sys.executable} else []
        print_rows(services.COLUMNS, rows, as_json=as_json, total="runtimes")


@runtime.command("update")
def runtime_update(
    name: Annotated[str, typer.Argument(help="The runtime.")],
    config: ConfigFile = None,
    backend: Backend = None,
    storage: StorageName = None,
    debug: Debug = False,
    as_json: AsJson = False,
) -> None:
    """Deploy a runtime anew, with this version."""
    with one_line_errors():
        found = chosen(config, backend, debug, storage)
        if not services.deploy(found, name, as_json=as_json):
            refuse(found, f"runtime {name!r}", "serverless")


@runtime.command("delete")
def runtime_delete(
    name: Annotated[str, typer.Argument(help="The runtime.")],
    config: ConfigFile = None,
    memory: Annotated[
        str | None, typer.Option("--memory", "-m", help="Of so many MB only.")
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", "-v", help="Of which version only, as listed.")
    ] = None,
    backend: Backend = None,
    storage: StorageName = None,
    debug: Debug = False,
    as_json: AsJson = False,
) -> None:
    """Delete a runtime, or "all"."""
    with one_line_errors():
        found = chosen(config, backend, debug, storage)
        if not services.delete(found, name, as_json=as_json, memory=memory, version=version):
            refuse(found, f"runtime {name!r}", "serverless")


@runtime.command("logs")
def runtime_logs(
    name: Annotated[str, typer.Argument(help="The runtime.")],
    config: ConfigFile = None,
    backend: Backend = None,
    seconds: Annotated[float, typer.Option(help="How far to go back.")] = 3600.0,
    debug: Debug = False,
    as_json: AsJson = False,
) -> None:
    """Print what a runtime has logged, as its service has it by now."""
    with one_line_errors():
        found = chosen(config, backend, debug)
        if not services.logs(found, name, seconds, as_json=as_json):
            refuse(found, f"runtime {name!r}", "serverless")


@image.command("build", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def image_build(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The image.")] = None,
    file: BuildFile = None,
    config: ConfigFile = None,
    backend: Backend = None,
    region: Region = None,
    debug: Debug = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", "-o", help="Replace an image of this name.")
    ] = False,
    include: Annotated[
        list[str] | None, typer.Option("--include", "-i", help="source:destination of a file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build a disk image."""
    with one_line_errors():
        refuse(chosen(config, backend, debug, region=region), "disk images", "standalone")


@image.command("delete")
def image_delete(
    name: Annotated[str, typer.Argument(help="The image.")],
    config: ConfigFile = None,
    backend: Backend = None,
    region: Region = None,
    debug: Debug = False,
    as_json: AsJson = False,
) -> None:
    """Delete a disk image."""
    with one_line_errors():
        refuse(chosen(config, backend, debug, region=region), "disk images", "standalone")


@image.command("list")
def image_list(
    config: ConfigFile = None,
    backend: Backend = None,
    region: Region = None,
    debug: Debug = False,
    as_json: AsJson = False,
) -> None:
    """List disk images."""
    with one_line_errors():
        refuse(chosen(config, backend, debug, region=region), "disk images", "standalone")


@job.command("list")
def job_list(
    config: ConfigFile = None,
    backend: Backend = None,
    region: Region = None,
    debug: Debug = False,
    as_json: AsJson = False,
) -> None:
    """List jobs that virtual machines know of."""
    with one_line_errors():
        refuse(chosen(config, backend, debug, region=region), "jobs to list", "standalone")


@worker.command("list")
def worker_list(
    config: ConfigFile = None,
    backend: Backend = None,
    region: Region = None,
    debug: Debug = False,
    as_json: AsJson = False,
) -> None:
    """List virtual machines."""
    with one_line_errors():
        refuse(chosen(config, backend, debug, region=region), "machines", "standalone")
