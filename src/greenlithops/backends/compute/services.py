"""What function services with a deployer have in common: options, under Lithops' names too."""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import sys
import zipfile
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar

from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"  #: pickled functions need the same one
#: what runs the worker's application in containers, and how
SERVER = ("uvicorn==0.54.0", "click==8.5.1", "h11==0.16.0")
COMMAND = (
    *("python", "-m", "uvicorn", "greenlithops.worker.application:app"),
    *("--host", "0.0.0.0", "--port", "8080", "--log-level", "warning"),  # noqa: S104 - in a container
)
#: Lithops' keys that say nothing where one event loop invokes and functions travel with calls
NEEDLESS: Mapping[str, str | None] = dict.fromkeys(
    ("backend", "invoke_pool_threads", "remote_invoker", "runtime_include_function", "storage")
)


def chosen(
    kind: type[T], service: str, given: Mapping[str, Any], others: Mapping[str, str | None]
) -> T:
    """Return options from their names, ours or Lithops'.

    Args:
        kind: the dataclass of the options.
        service: whose they are.
        given: names and values; None: not given.
        others: Lithops' names and which of ours they are; None for those that are not needed.

    Raises:
        ConfigurationError: one is unknown, missing or impossible.
    """
    own: Any = kind
    known = {one.name: one for one in fields(own)}
    others = {**NEEDLESS, **others}
    found: dict[str, Any] = {}
    for name, value in given.items():
        option = name if name in known else others.get(name, "")
        if option == "":
            near = difflib.get_close_matches(name, [*known, *others], 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise ConfigurationError(f"{service} has no option {name!r}; {hint}")
        if option is not None and value is not None:
            found.setdefault(option, value)
    for name, one in known.items():
        if name not in found and one.default is MISSING and one.default_factory is MISSING:
            raise ConfigurationError(f"{service}: {name!r} is missing, which it cannot do without")
    return kind(**found)


def within(option: str, value: float, ends: tuple[float, float], unit: str) -> None:
    """Raise a `ConfigurationError` if an option is not in its range, both ends included."""
    if not ends[0] <= value <= ends[1]:
        raise ConfigurationError(f"{option} is from {ends[0]:g} to {ends[1]:g} {unit}, not {value}")


def variables(service: str, given: Any) -> dict[str, str]:
    """Return environment variables from a mapping, or from Lithops' list of names and values."""
    if isinstance(given, dict):
        return {str(name): str(value) for name, value in given.items()}
    try:
        return {str(one["name"]): str(one["value"]) for one in given or ()}
    except (KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{service}: env_vars is a mapping, or a list of {{name: …, value: …}}"
        ) from error


def digest_of(content: object) -> str:
    """Return ten hexadecimal digits for what a deployment is made of."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def with_files(archive: bytes, files: Mapping[str, str]) -> bytes:
    """Return a zip with more files in it; the same content gives the same zip."""
    room = io.BytesIO(archive)
    with zipfile.ZipFile(room, "a", zipfile.ZIP_DEFLATED) as zipped:
        for name, text in sorted(files.items()):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            zipped.writestr(entry, text)
    return room.getvalue()
