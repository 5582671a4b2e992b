"""Azure's operations and bodies, as its SDK for Python describes them; held to by stand-ins."""

import enum
import importlib
import importlib.util
import re
import types
import typing
from collections.abc import MutableMapping
from pathlib import Path

from support.clouds.discovery import Wrong

#: what operations take that have a body, by package and class
BODIES = {
    "web_apps_create_or_update": ("web", "Site"),
    "app_service_plans_create_or_update": ("web", "AppServicePlan"),
    "container_apps_create_or_update": ("appcontainers", "ContainerApp"),
    "managed_environments_create_or_update": ("appcontainers", "ManagedEnvironment"),
    "tags_update_at_scope": ("resource.resources", "TagsPatchResource"),
}
#: operations whose body the SDK does not describe; Azure's documentation does
UNDESCRIBED = {"web_apps_create_one_deploy_operation"}
PACKAGES = ("web", "appcontainers", "resource.resources", "loganalytics")


class Arm:
    """The operations of some of Azure's services.

    Args:
        packages: names of packages below ``azure.mgmt``.
    """

    def __init__(self, packages=PACKAGES):
        self._operations = [one for name in packages for one in _operations(name)]

    def find(self, verb, path):
        """Return the name, the description and the path's parameters of an operation."""
        for one in self._operations:
            if one["verb"] == verb and (found := one["path"].fullmatch(path)):
                return one, found.groupdict()
        raise Wrong(f"no operation is {verb} {path}")

    def check(self, one, query, body):
        """Hold a request to what its operation takes.

        Raises:
            Wrong: a parameter is unknown or missing, or the body does not fit.
        """
        for key in query:
            if key not in one["parameters"]:
                raise Wrong(f"{one['name']} has no parameter {key!r}")
        if query.get("api-version") != one["version"]:
            raise Wrong(f"{one['name']} is of {one['version']}, not {query.get('api-version')}")
        if one["name"] in UNDESCRIBED:
            return
        if one["name"] not in BODIES:
            if body is not None:
                raise Wrong(f"{one['name']} takes no body")
            return
        package, model = BODIES[one["name"]]
        models = importlib.import_module(f"azure.mgmt.{package}.models")
        _fit(getattr(models, model), body, model)


def _operations(package):
    origin = Path(importlib.util.find_spec(f"azure.mgmt.{package}").origin).parent
    text = (origin / "operations" / "_operations.py").read_text()
    # The builders of requests come first; to parse it all would take seconds.
    for block in text.partition("\nclass ")[0].split("\ndef build_")[1:]:
        path = re.search(r'_url = \(?\s*((?:"[^"]*"\s*)+)', block)
        version = re.search(r'"api-version", "([\d-]+(?:-preview)?)"', block)
        verb = re.search(r'HttpRequest\(\s*method="(\w+)"', block)
        if path and version and verb:
            yield {
                "name": re.match(r"(\w+)_request\(", block)[1],
                "verb": verb[1],
                "path": _pattern("".join(re.findall(r'"([^"]*)"', path[1]))),
                "version": version[1],
                "parameters": set(re.findall(r'_params\["([^"]+)"\]', block)),
            }


def _pattern(path):
    pieces = re.split(r"(\{\w+\})", path)
    return re.compile(
        "".join(
            f"(?P<{piece[1:-1]}>{'.+' if piece == '{scope}' else '[^/]+'})"
            if piece.startswith("{")
            else re.escape(piece)
            for piece in pieces
        ),
        re.IGNORECASE,
    )


def _fit(kind, value, where):
    """Raise `Wrong` if a value is not one that the SDK would send for this type."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        _fit_union(arguments, value, where)
    elif origin is list:
        _fit_plain(list, value, where)
        for number, one in enumerate(value):
            _fit(arguments[0], one, f"{where}[{number}]")
    elif origin is dict:
        _fit_plain(dict, value, where)
        for name, one in value.items():
            _fit(arguments[1], one, f"{where}.{name}")
    elif isinstance(kind, type) and issubclass(kind, MutableMapping):
        _fit_plain(dict, value, where)
        _fit_model(kind, value, where)
    elif kind is not typing.Any:
        _fit_plain(kind, value, where)


def _fit_union(arguments, value, where):
    enums = [one for one in arguments if isinstance(one, type) and issubclass(one, enum.Enum)]
    if not enums:
        (kind,) = [one for one in arguments if one is not type(None)]
        _fit(kind, value, where)
        return
    allowed = [member.value for one in enums for member in one]
    if value not in allowed:
        raise Wrong(f"{where} is one of {allowed}, not {value!r}")


def _fit_plain(kind, value, where):
    fits = isinstance(value, (int, float) if kind is float else kind)
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise Wrong(f"{where} is of type {kind}, not {value!r}")


def _fit_model(kind, value, where):
    module = importlib.import_module(kind.__module__)
    package = importlib.import_module(kind.__module__.rpartition(".")[0])
    hints = typing.get_type_hints(kind, vars(module) | {"_models": package})
    kind({})  # it names its fields when the first one is made
    fields = {one._rest_name: (name, one) for name, one in kind._attr_to_rest_field.items()}
    for name, content in value.items():
        if name not in fields:
            raise Wrong(f"{where} has no field {name!r}")
        attribute, field = fields[name]
        if field._visibility == ["read"]:
            raise Wrong(f"{where}.{name} is Azure's to say")
        if content is not None:
            _fit(hints[attribute], content, f"{where}.{name}")
