"""The settings of an executor: the configuration in force with the arguments over it, typed."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlithops.config.check import require_valid, unknown
from greenlithops.config.files import Sections, find
from greenlithops.config.general import LOCALHOST as LOCAL_SECTION
from greenlithops.config.keys import Fate, Role, Section
from greenlithops.config.known import named, section_of
from greenlithops.errors import ConfigurationError
from greenlithops.registry import COMPUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCALHOST = "localhost"
_DEFAULT_BACKENDS = {"localhost": LOCALHOST, "serverless": "aws_lambda", "standalone": "aws_ec2"}
_SYNONYMS = {"region_name": "region", "location": "region"}
#: options of `AsyncExecutor` under their own names
OWN_KEYS = frozenset(
    {
        "energy",
        "energy_budget",
        "energy_log",
        "extra_env",
        "hooks",
        "initargs",
        "initializer",
        "log_bytes",
        "max_calls_per_worker",
        "max_memory",
        "retries",
        "timeout",
        "worker_concurrency",
    }
)
_OF_EXECUTOR = {"backend", "storage"}  # how many workers there are is for both to know
_OF_THIS_MACHINE = {LOCALHOST, "inline"}
_OF_PODS = {"kubernetes", "k8s"}
_INTERPRETERS = {"python", "python3", Path(sys.executable).name, sys.executable}


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Which storage is used, and with which options.

    Attributes:
        backend: its name.
        bucket: where objects without a bucket of their own go, or None.
        options: what the backend is made with.
    """

    backend: str = LOCALHOST
    bucket: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)  # there may be secrets


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Where messages go.

    Attributes:
        level: the level, None for no messages, or ``""`` if nothing is said about it.
        format: the format, or None.
        stream: ``"ext://sys.stderr"`` or ``"ext://sys.stdout"``, or None.
        filename: a file, or None.
        calls: whether what calls print is written to files.
    """

    level: str | None = ""
    format: str | None = None
    stream: str | None = None
    filename: str | None = None
    calls: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What an executor needs to know.

    Attributes:
        backend: the compute backend's name.
        mode: its kind.
        options: arguments for `AsyncExecutor`.
        storage: where objects are.
        runtime_memory: megabytes that a worker may use, or None.
        log: where messages go.
        include_modules: modules that travel by value; an empty tuple for the user's own, None
            for none.
        exclude_modules: modules that do not travel.
        data_cleaner: whether what jobs leave in storage is deleted.
        origin: where the configuration was found.
        config: the configuration as users see it.
    """

    backend: str
    mode: str
    options: Mapping[str, Any]
    storage: StorageSettings
    runtime_memory: int | None
    log: LogSettings
    include_modules: tuple[str, ...] | None
    exclude_modules: tuple[str, ...]
    data_cleaner: bool
    origin: str
    config: Sections = field(default_factory=dict, repr=False)


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
    section = _section(general["backend"])
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
    own = _section(backend).mode
    if explicit_mode not in {None, own}:
        raise ConfigurationError(f"the backend {backend!r} is {own}, not {explicit_mode}")
    general["backend"], general["mode"] = backend, own
    storage = general.setdefault("storage", "aws_s3" if "aws_s3" in content else LOCALHOST)
    if storage != LOCALHOST and not _is(storage, Role.STORAGE):
        names = named(Role.STORAGE)
        raise ConfigurationError(f"lithops.storage: {unknown('storage', storage, names)}")


def _is(name: str, role: Role) -> bool:
    section = section_of(name)
    return section is not None and section.role is role


def _section(name: str) -> Section:
    section = section_of(name)
    assert section is not None  # noqa: S101 - the names of backends were checked before
    return section


def _usual_mode(content: Sections) -> str:
    """Return the mode of a configuration that names none: as in Lithops if it is Lambda's."""
    return "serverless" if "aws_lambda" in content else "localhost"


def with_cloud(content: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Return a backend's section with its cloud's keys under its own."""
    section = _section(name)
    own = {key: value for key, value in content.get(name, {}).items() if value is not None}
    cloud = content.get(section.cloud, {}) if section.cloud else {}
    both = {key: value for key, value in cloud.items() if key in section.keys} | own
    for old, new in _SYNONYMS.items():
        if old in both and new in section.keys:
            both.setdefault(new, both.pop(old))
    return both


def typed(content: Sections, origin: str) -> Settings:
    """Return a merged configuration as settings.

    Raises:
        ConfigurationError: the backend is not there, or a key of a backend is missing.
    """
    general = content["lithops"]
    backend, storage = general["backend"], general["storage"]
    _require_backend(backend)
    section = content[backend]
    if backend in _OF_PODS and "redis" in content:
        section = {"redis": content["redis"], **section}
    # Functions get what they need in invocations; storage is for what is too large.
    if storage == LOCALHOST != general["mode"] and not (
        _section(backend).open or of_functions(backend)
    ):
        raise ConfigurationError(f"the storage 'localhost' is not seen from {backend}")
    if backend in _OF_THIS_MACHINE:
        _check_runtime(section.get("runtime"))
    modules = general.get("include_modules", ())
    return Settings(
        backend=backend,
        mode=general["mode"],
        options=_options(backend, general, section) | _of_backend(backend, general, section),
        storage=storage_settings(content, storage),
        runtime_memory=section.get("runtime_memory"),
        log=LogSettings(
            _level(general),
            general.get("log_format"),
            general.get("log_stream"),
            general.get("log_filename"),
            calls=bool(general.get("call_logs")),
        ),
        include_modules=None if modules is None or modules == "none" else tuple(modules),
        exclude_modules=tuple(general.get("exclude_modules") or ()),
        data_cleaner=general.get("data_cleaner", True),
        origin=origin,
        config=content,
    )


def _require_backend(name: str) -> None:
    section = _section(name)
    waits = any(key.fate is Fate.WAITING for key in section.keys.values())
    if waits and name not in COMPUTE:
        raise ConfigurationError(
            f"backend {name!r} is not available in this version: {section.advice}"
        )


def storage_settings(content: Mapping[str, Mapping[str, Any]], name: str) -> StorageSettings:
    """Return the settings of a storage.

    Raises:
        ConfigurationError: a key that it cannot do without is missing.
    """
    section, values = _section(name), with_cloud(content, name)
    missing = [key for key in section.required if key not in values]
    if section.role is Role.STORAGE and missing:
        raise ConfigurationError(f"{name}: {missing[0]!r} is missing, which it cannot do without")
    bucket = values.pop("storage_bucket", None)
    if name == LOCALHOST:  # the section is about workers as well
        values = {key: value for key, value in values.items() if key == "root"}
    return StorageSettings(name, bucket, values)


def of_functions(backend: str) -> bool:
    """Return whether a backend of ours is a service of functions, which calls are invoked in."""
    section = section_of(backend)
    return backend in COMPUTE and section is not None and section.mode == "serverless"


def _options(
    backend: str, general: Mapping[str, Any], section: Mapping[str, Any]
) -> dict[str, Any]:
    known = _section(backend)
    own = [name for name in OWN_KEYS if name in section and not _needless(known, name)]
    options = {name: section[name] for name in own}
    if of_functions(backend) and not known.open:
        # Memory and time are the deployment's. A pod may take more than one invocation.
        if "max_workers" in section and backend not in _OF_PODS:
            options["max_workers"] = section["max_workers"]
        if general.get("retries") is not None:
            options.setdefault("retries", general["retries"])
        return options
    # Lithops' workers have processes; here, a worker is a process.
    counts = [section[name] for name in ("max_workers", "worker_processes") if name in section]
    if counts:
        options["max_workers"] = counts[0] * (counts[1] if counts[1:] else 1)
    if "runtime_memory" in section:
        options.setdefault("max_memory", megabytes(section["runtime_memory"]))
    for name, value in (
        ("timeout", section.get("runtime_timeout", general.get("execution_timeout"))),
        ("retries", general.get("retries")),
    ):
        if value is not None:
            options.setdefault(name, value)
    return options


def _of_backend(
    name: str, general: Mapping[str, Any], section: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a backend of greenlithops' own is made with: the keys that are its own."""
    if name in _OF_THIS_MACHINE:
        return {}
    known = _section(name)
    dropped = OWN_KEYS | _OF_EXECUTOR if of_functions(name) and not known.open else ()
    own = {
        key: value
        for key, value in section.items()
        if key not in (dropped or LOCAL_SECTION.keys) and not _needless(known, key)
    }
    chunk = general.get("chunksize")
    return {"backend_options": own} | ({"chunksize": chunk} if chunk else {})


def _needless(section: Section, key: str) -> bool:
    known = section.keys.get(key)
    return known is not None and known.fate is Fate.NEEDLESS


def megabytes(count: float) -> int:
    """Return the bytes of so many megabytes, as Lithops counts them: units of 1024."""
    return int(count * (1 << 20))


def _level(general: Mapping[str, Any]) -> str | None:
    level = general.get("log_level", "")
    return None if level is None or level is False else str(level)


def _check_runtime(runtime: str | None) -> None:
    if runtime is not None and runtime not in _INTERPRETERS:
        raise ConfigurationError(
            f"runtime {runtime!r} is not available in this version: workers run in this "
            f"program's own interpreter, {sys.executable}; leave runtime out"
        )
