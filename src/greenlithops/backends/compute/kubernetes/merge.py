"""Puts one part of a manifest over another, as `kubectl` merges lists by the names in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: lists of which each element has a name of its own, and what it is called; the others are whole
_NAMED = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "hostAliases": "ip",
}
_APPENDED = {"tolerations", "envFrom", "topologySpreadConstraints"}
#: of each of these an object has one at most, so that another one replaces it
_SOURCES = {"volumes", "env"}


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part of a manifest with another one over it; neither is changed.

    Mappings are merged; lists are merged by the names of their elements where these have one, and
    replaced otherwise; tolerations and the like are added.
    """
    result = dict(base)
    for name, value in over.items():
        mine = result.get(name)
        if isinstance(mine, dict) and isinstance(value, dict):
            result[name] = merged(mine, value)
        elif isinstance(mine, list) and isinstance(value, list):
            result[name] = _list(name, mine, value)
        else:
            result[name] = value
    return result


def _list(name: str, base: Sequence[Any], over: Sequence[Any]) -> list[Any]:
    if name in _APPENDED:
        return [*base, *(one for one in over if one not in base)]
    key = _NAMED.get(name)
    if key is None:
        return list(over)
    found: dict[Any, Any] = {}
    for one in (*base, *over):
        label = one.get(key)
        whole = label not in found or name in _SOURCES
        found[label] = one if whole else merged(found[label], one)
    return list(found.values())
