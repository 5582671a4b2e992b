"""A configuration for people: its secrets masked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from greenlithops.config.known import SECTIONS

MASK = "********"
#: what sounds like a secret is masked as well, in sections that may hold anything
_SOUNDS = re.compile(
    r"(^key$|password|passwd|secret|token|api_?key|access_?key|credential)(?!.*path)"
)
_USER = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*(?=@)")


def masked(content: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return a copy of a configuration without its secrets."""
    return {name: _section(name, values) for name, values in content.items()}


def _section(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    keys = SECTIONS[name].keys if name in SECTIONS else {}
    return {
        key: MASK if value is not None and key in keys and keys[key].secret else _hidden(key, value)
        for key, value in values.items()
    }


def _hidden(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _hidden(str(key), inner) for key, inner in value.items()}
    if value is not None and _SOUNDS.search(name.lower()):
        return MASK
    if isinstance(value, list):
        return [_hidden("", inner) for inner in value]
    return _USER.sub(MASK, value) if isinstance(value, str) else value
