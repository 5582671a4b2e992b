"""Puts a configuration together: files, arguments above them, and clouds below their backends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlithops.config.check import require_valid, unknown
from greenlithops.config.files import Sections, find
from greenlithops.config.keys import Role, Section
from greenlithops.config.known import named, section_of
from greenlithops.config.monitoring import REQUIRED
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCALHOST = "localhost"
_DEFAULT_BACKENDS = {"localhost": LOCALHOST, "serverless": "aws_lambda", "standalone": "aws_ec2"}
#: names of storages that are sections of clouds as well
_OF_CLOUDS = {"azure": "azure_storage"}
_SYNONYMS = {"region_name": "region", "location": "region"}


def merged(  # noqa: PLR0917 - the arguments of FunctionExecutor, in their order
    mode: str | None = None,
    config: Mapping[str, Any] | None = None,
    config_file: str | None = None,
    backend: str | None = None,
    storage: str | None = None,
    monitoring: str | None = None,
    keywords: Mapping[str, Any] | None = None,
) -> tuple[Sections, str]:
    """Return the configuration in force with arguments over it, checked, and its origin.

    Raises:
        ConfigurationError: something is unknown or has a wrong value.
        FileNotFoundError: the configuration file is not there.
    """
    found = find(config, config_file)
    content = found.content
    general = content.setdefault("lithops", {})
    given = {"mode": mode, "backend": backend, "storage": storage, "monitoring": monitoring}
    general.update({name: value for name, value in given.items() if value is not None})
    if backend is not None and mode is None:
        general.pop("mode", None)
    _choose(content, explicit_mode=mode)
    chosen = content.setdefault(general["backend"], {})
    keywords = {name: value for name, value in (keywords or {}).items() if value is not None}
    section = section_known(general["backend"])
    for name, value in keywords.items():
        key = section.keys.get(name)
        if key is None and not section.open:
            raise ConfigurationError(f"the executor got an {unknown('key', name, section.keys)}")
        if key is not None and (problem := key.problem(value)):
            raise ConfigurationError(f"{name} {problem}")
    chosen.update(keywords)
    require_valid(content, found.origin)
    for name in {general["backend"], general["storage"]}:
        content[name] = with_cloud(content, name)
    return content, found.origin


def _choose(content: Sections, explicit_mode: str | None) -> None:
    """Fill in mode, backend and storage from each other."""
    general = content["lithops"]
    mode, backend = general.get("mode"), general.get("backend")
    if backend is None:
        if mode is not None and mode not in _DEFAULT_BACKENDS:
            raise ConfigurationError(f"lithops.mode: {unknown('mode', mode, _DEFAULT_BACKENDS)}")
        named_there = content.get(mode or "", {}).get("backend")
        backend = named_there or _DEFAULT_BACKENDS[mode or _usual_mode(content)]
    if not _is(backend, Role.COMPUTE):
        names = named(Role.COMPUTE)
        raise ConfigurationError(f"lithops.backend: {unknown('backend', backend, names)}")
    own = section_known(backend).mode
    if explicit_mode not in {None, own}:
        raise ConfigurationError(f"the backend {backend!r} is {own}, not {explicit_mode}")
    general["backend"], general["mode"] = backend, own
    usual = "aws_s3" if "aws_s3" in content else LOCALHOST
    storage: str = general.get("storage", usual)
    storage = general["storage"] = _OF_CLOUDS.get(storage, storage)
    if storage != LOCALHOST and not _is(storage, Role.STORAGE):
        names = named(Role.STORAGE)
        raise ConfigurationError(f"lithops.storage: {unknown('storage', storage, names)}")


def _is(name: str, role: Role) -> bool:
    section = section_of(name)
    return section is not None and section.role is role


def section_known(name: str) -> Section:
    """Return the section of a name that was checked before."""
    section = section_of(name)
    assert section is not None  # noqa: S101 - the names of backends were checked before
    return section


def _usual_mode(content: Sections) -> str:
    """Return the mode of a configuration that names none: as in Lithops if it is Lambda's."""
    return "serverless" if "aws_lambda" in content else "localhost"


def with_cloud(content: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Return a backend's section with its cloud's keys under its own."""
    section = section_known(name)
    cloud = _with_own_names(section, content.get(section.cloud, {}) if section.cloud else {})
    own = _with_own_names(section, content.get(name, {}))
    return {key: value for key, value in cloud.items() if key in section.keys} | own


def _with_own_names(section: Section, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given, with other names of a key replaced; they win, as in Lithops."""
    given = {key: value for key, value in values.items() if value is not None}
    for other, name in _SYNONYMS.items():
        if other in given and name in section.keys:
            given[name] = given.pop(other)
    return given


def of_channel(content: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Return the section of a push channel with what it takes from others."""
    if name not in REQUIRED:  # `section_of` would look for packages that provide it
        return {}
    values = with_cloud(content, name)
    if name == "azure_queue":  # it is of the same account, as a rule
        account, known = with_cloud(content, "azure_storage"), section_known(name).keys
        values = {key: value for key, value in account.items() if key in known} | values
    return values
