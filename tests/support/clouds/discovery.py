"""Google's discovery documents: which method a request is for, and whether it may look so."""

import importlib.util
import json
import re
from pathlib import Path

import jsonschema


class Wrong(Exception):
    """A request that the API's description does not allow; the text says why."""


class Api:
    """One API, such as ``run`` in ``v2``, as Google describes it.

    Args:
        name: the API's.
        version: its version.
    """

    def __init__(self, name, version):
        place = Path(importlib.util.find_spec("googleapiclient").origin).parent
        path = place / "discovery_cache" / "documents" / f"{name}.{version}.json"
        self.document = json.loads(path.read_text())
        self.methods = dict(_methods(self.document))
        defs = {key: _schema(value) for key, value in self.document["schemas"].items()}
        self._defs = defs
        self._paths = [
            (method["httpMethod"], _pattern(path, method), name)
            for name, method in self.methods.items()
            for path in _paths(self.document, method)
        ]

    def find(self, verb, path):
        """Return the name of a method and the parameters in its path.

        Raises:
            Wrong: there is no such method.
        """
        for wanted, pattern, name in self._paths:
            if wanted == verb and (found := pattern.fullmatch(path)):
                return name, [part for part in found.groups() if part is not None]
        raise Wrong(f"no method of {self.document['id']} is {verb} {path}")

    def check(self, name, query, body):
        """Hold a request to what its method takes.

        Raises:
            Wrong: a parameter is unknown or missing, or the body does not fit its schema.
        """
        method = self.methods[name]
        known = self.document["parameters"] | method.get("parameters", {})
        for key, value in query.items():
            if key not in known or known[key]["location"] != "query":
                raise Wrong(f"{name} has no parameter {key!r}")
            jsonschema_type = known[key]["type"]
            if jsonschema_type == "integer" and not value.isdigit():
                raise Wrong(f"{name}: {key} is a number, not {value!r}")
        for key, one in method.get("parameters", {}).items():
            if one.get("required") and one["location"] == "query" and key not in query:
                raise Wrong(f"{name} needs the parameter {key!r}")
        if body is None:
            return
        if "request" not in method:
            raise Wrong(f"{name} takes no body")
        schema = {"$ref": f"#/$defs/{method['request']['$ref']}", "$defs": self._defs}
        try:
            jsonschema.validate(body, schema)
        except jsonschema.ValidationError as error:
            raise Wrong(f"{name}: {error.json_path}: {error.message}") from error


def _methods(resource):
    for method in resource.get("methods", {}).values():
        yield method["id"], method
    for below in resource.get("resources", {}).values():
        yield from _methods(below)


def _paths(document, method):
    yield document["servicePath"] + method["path"]
    upload = method.get("mediaUpload", {}).get("protocols", {}).get("simple")
    if upload:
        yield upload["path"].lstrip("/")


def _pattern(path, method):
    """Return the expression for a path; a name in it has the form that its parameter says."""

    def part(found):
        form = method["parameters"][found[2]].get("pattern", "^[^/]+$")
        return f"({form.strip('^$')})"

    pieces = re.split(r"(\{\+?\w+\})", path)
    return re.compile(
        "".join(
            re.sub(r"\{(\+?)(\w+)\}", part, piece) if piece.startswith("{") else re.escape(piece)
            for piece in pieces
        )
    )


def _schema(node):
    """Return JSON Schema for a schema of a discovery document; what only Google sets is refused."""
    if node.get("description", "").startswith("Output only"):
        return False
    if "$ref" in node:
        return {"$ref": f"#/$defs/{node['$ref']}"}
    kind = node.get("type")
    if kind == "object":
        rest = node.get("additionalProperties")
        properties = {name: _schema(one) for name, one in node.get("properties", {}).items()}
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False if rest is None else _schema(rest),
        }
    if kind == "array":
        return {"type": "array", "items": _schema(node["items"])}
    if kind == "any":
        return {}
    found = {"type": kind}
    if "enum" in node:
        found["enum"] = node["enum"]
    if node.get("format") == "google-duration":
        found["pattern"] = r"^\d+(\.\d+)?s$"
    return found
