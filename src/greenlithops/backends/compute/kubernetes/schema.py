"""Holds manifests against the schema that the API server itself publishes, unknown fields included.

A server drops fields that it does not know without a word; what was meant by them would be lost.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Definitions = Mapping[str, Any]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
}
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def problems(definitions: Definitions, manifest: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a manifest.

    Args:
        definitions: those of the server's OpenAPI document, version 2, by name.
        manifest: an object with ``apiVersion`` and ``kind``.
    """
    group, _, version = str(manifest.get("apiVersion", "")).rpartition("/")
    wanted = {"group": group, "version": version, "kind": manifest.get("kind")}
    for name, one in definitions.items():
        if wanted in one.get("x-kubernetes-group-version-kind", ()):
            return list(_walk(definitions, {"$ref": name}, manifest, str(wanted["kind"])))
    return [f"the server has no {manifest.get('kind')} of {manifest.get('apiVersion')}"]


def _walk(definitions: Definitions, schema: Any, value: Any, path: str) -> Iterator[str]:
    if (reference := schema.get("$ref")) is not None:
        name = reference.removeprefix("#/definitions/")
        if name == _QUANTITY and isinstance(value, (int, float)):
            return
        schema = definitions[name]
    if value is None:
        return  # as if it were not there
    kind = schema.get("type", "object" if "properties" in schema else "any")
    if problem := _type_problem(schema, kind, value):
        yield f"{path} {problem}, not {value!r}"
    elif kind == "array":
        items: list[Any] = list(value)
        for place, one in enumerate(items):
            yield from _walk(definitions, schema.get("items", {}), one, f"{path}[{place}]")
    elif kind == "object":
        yield from _object(definitions, schema, value, path)


def _type_problem(schema: Any, kind: str, value: Any) -> str | None:
    if schema.get("format") == "int-or-string":
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            return "must be a whole number or a text"
        return None
    if kind != "any" and (
        not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")
    ):
        return f"must be of the type {kind}"
    choices = schema.get("enum")
    if choices and value not in choices:
        return f"must be one of {', '.join(map(str, choices))}"
    return None


def _object(definitions: Definitions, schema: Any, value: Any, path: str) -> Iterator[str]:
    fields = schema.get("properties")
    others = schema.get("additionalProperties")
    for name in schema.get("required", ()):
        if value.get(name) is None:
            yield f"{path}.{name} is missing"
    for name, one in value.items():
        if fields and name in fields:
            yield from _walk(definitions, fields[name], one, f"{path}.{name}")
        elif isinstance(others, dict):
            yield from _walk(definitions, others, one, f"{path}.{name}")
        elif fields:
            near = difflib.get_close_matches(str(name), fields, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            yield f"{path}.{name} is not a field that this server knows{hint}"
