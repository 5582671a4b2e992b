"""The JSON schema of configuration files, for editors; made from the table of sections."""

from __future__ import annotations

from typing import Any

from greenlithops.config.keys import Fate, Key, Kind, Role, Section
from greenlithops.config.known import SECTIONS, named

_TYPES: dict[Kind, list[str]] = {
    Kind.TEXT: ["string"],
    Kind.WHOLE: ["integer"],
    Kind.NUMBER: ["number"],
    Kind.FLAG: ["boolean"],
    Kind.LIST: ["array"],
    Kind.MAP: ["object"],
}


def schema() -> dict[str, Any]:
    """Return the schema (JSON Schema, draft 2020-12)."""
    properties = {name: _section(section) for name, section in sorted(SECTIONS.items())}
    general = properties["lithops"]["properties"]
    general["backend"]["enum"] = [*sorted(named(Role.COMPUTE)), None]
    general["storage"]["enum"] = [*sorted(named(Role.STORAGE)), None]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of greenlithops, in Lithops' words",
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": False,
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "description": section.about,
        "type": ["object", "null"],
        "properties": {key.name: _key(key) for key in section.keys.values()},
        "additionalProperties": section.open,
    }


def _key(key: Key) -> dict[str, Any]:
    about = key.about
    if key.fate is not Fate.HONOURED:
        reason = f": {key.advice}" if key.advice else ""
        about = f"{about} ({key.fate.value}{reason})".strip()
    found: dict[str, Any] = {"description": about}
    if key.kind in _TYPES:
        found["type"] = [*_TYPES[key.kind], "null"]
    if key.least is not None:
        found["minimum"] = key.least
    if key.choices:
        found["enum"] = [*key.choices, None]
    if key.default is not None and not isinstance(key.default, str):
        found["default"] = key.default
    return found
