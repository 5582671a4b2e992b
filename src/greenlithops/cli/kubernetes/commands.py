"""`greenlithops kubernetes`: what would be created in a cluster."""

from __future__ import annotations

# ruff: noqa: PLC0415 - a command imports its own parts, so that the others start at once
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from greenlithops.cli.failing import one_line_errors
from greenlithops.cli.kubernetes.building import PODS
from greenlithops.cli.options import AsJson, ConfigFile, print_json, settings

if TYPE_CHECKING:
    from pathlib import Path

    from greenlithops.backends.compute.kubernetes.options import KubernetesOptions

app = typer.Typer(no_args_is_help=True, help="Pods of a Kubernetes cluster.")


@app.callback()
def _group() -> None:
    """Keep `manifest` a command of its own, although it is the only one."""


@app.command()
def manifest(
    config: ConfigFile = None,
    session: Annotated[
        str, typer.Option(help="Stands for the executor's random name.")
    ] = "example",
    image: Annotated[str | None, typer.Option(help="The workers' image.")] = None,
    jobs: Annotated[bool, typer.Option("--jobs", help="A Job of two calls, too.")] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Jobs as servers before 1.21 have them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print everything that an executor would create in the cluster, as YAML.

    The key and the address of Redis are not shown.
    """
    with one_line_errors():
        import yaml

        options = planned(config, image)
        found = _manifests(options, session, jobs=jobs, indexed=not plain)
        if as_json:
            print_json(found)
            return
        for one in found:
            sys.stdout.write("---\n")
            sys.stdout.write(yaml.safe_dump(one, sort_keys=False, allow_unicode=True))


def planned(config: Path | None, image: str | None) -> KubernetesOptions:
    """Return the options of the configuration in force."""
    from greenlithops.backends.compute.kubernetes.options import KubernetesOptions, with_template

    chosen = settings(config)
    if chosen.backend not in PODS:
        # The section may have either name; other sections add to both.
        either = (settings(config, name) for name in PODS)
        chosen = max(either, key=lambda one: len(one.options["backend_options"]))
    found: dict[str, Any] = dict(chosen.options["backend_options"])
    if image is not None:
        found["image"] = image
    return with_template(KubernetesOptions.of(found))


def _manifests(options: KubernetesOptions, session: str, *, jobs: bool, indexed: bool) -> list[Any]:
    from greenlithops.backends.compute.kubernetes import manifests

    hidden = {"pool": session, "key": "(random)", "redis": "(of the configuration)"}
    found = [manifests.anchor(options, session), *manifests.everything(options, session, hidden)]
    if jobs or options.mode == "jobs":
        found.append(manifests.job(options, session, 1, 2, indexed=indexed))
    return found
