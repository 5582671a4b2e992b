"""Where a configuration comes from: an argument, a file, or the environment, as in Lithops."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from greenlithops.config import inherited
from greenlithops.errors import ConfigurationError

CONTENT_VARIABLE = "LITHOPS_CONFIG"
FILE_VARIABLE = "LITHOPS_CONFIG_FILE"

Sections = dict[str, dict[str, Any]]


class Found(NamedTuple):
    """A configuration as it was written, and where."""

    content: Sections
    origin: str  #: for people


def places() -> list[Path]:
    """Return the files that are looked for, in this order."""
    own = [Path(".lithops_config").absolute()]
    return [*own, Path.home() / ".lithops" / "config", Path("/etc/lithops/config")]


def find(
    content: Mapping[str, Any] | None = None, file: str | os.PathLike[str] | None = None
) -> Found:
    """Return the configuration that is in force.

    The first of these that there is: `content`, `file`, what the executor of this worker was
    given, the variable ``LITHOPS_CONFIG`` (JSON), the file that ``LITHOPS_CONFIG_FILE`` names,
    ``./.lithops_config``, ``~/.lithops/config``, ``/etc/lithops/config``.

    Raises:
        ConfigurationError: it cannot be read, or is no mapping of sections to mappings.
        FileNotFoundError: the named file is not there.
    """
    if content:
        return Found(_sections(content, "config"), "the argument config")
    if file is not None:
        return _named_file(Path(file).expanduser(), "config_file")
    if inherited.sections is not None:
        return Found(_copied(inherited.sections), "the executor that this worker belongs to")
    if text := os.environ.get(CONTENT_VARIABLE):
        return Found(_sections(_json(text), CONTENT_VARIABLE), f"the variable {CONTENT_VARIABLE}")
    if name := os.environ.get(FILE_VARIABLE):
        return _named_file(Path(name), FILE_VARIABLE)
    for path in places():
        if path.is_file():
            return Found(read_yaml(path), str(path))
    return Found(_sections(content or {}, "config"), "nowhere: the defaults")


def _named_file(path: Path, by: str) -> Found:
    if not path.is_file():
        raise FileNotFoundError(f"{by}: there is no file {str(path)!r}")
    return Found(read_yaml(path), str(path))


def _json(text: str) -> Any:
    import json  # noqa: PLC0415 - only where the variable is set

    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{CONTENT_VARIABLE} must be JSON: {error}") from None


def read_yaml(path: Path) -> Sections:
    """Return the sections of a YAML file.

    Raises:
        ConfigurationError: it is no YAML, or no mapping of sections to mappings.
    """
    import yaml  # noqa: PLC0415 - only where there is a file

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid YAML: {error}") from None
    return _sections(content or {}, str(path))


def _sections(content: Any, where: str) -> Sections:
    if not isinstance(content, Mapping):
        kind = type(content).__name__
        raise ConfigurationError(f"{where} must be a mapping of sections, not {kind}")
    for name, values in content.items():
        if values is not None and not isinstance(values, Mapping):
            raise ConfigurationError(f"{where}: the section {name!r} must be a mapping")
    return _copied(content)


def _copied(content: Mapping[str, Any]) -> Sections:
    return {str(name): _copy(values or {}) for name, values in content.items()}


def _copy(value: Any) -> Any:
    """Copy containers, and keep what they hold: an initializer may be anything."""
    if isinstance(value, Mapping):
        return {name: _copy(inner) for name, inner in value.items()}
    return list(map(_copy, value)) if isinstance(value, list) else value
