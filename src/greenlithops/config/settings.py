"""The settings of an executor: the configuration in force with the arguments over it, typed."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlithops.config.general import LOCALHOST as LOCAL_SECTION
from greenlithops.config.keys import Fate, Role, Section
from greenlithops.config.known import section_of
from greenlithops.config.merging import (
    LOCALHOST,
    of_channel,
    section_known,
    with_cloud,
)
from greenlithops.config.monitoring import place_of
from greenlithops.errors import ConfigurationError
from greenlithops.registry import COMPUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.config.files import Sections

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
_UNUSED_PER_CPU, _MOST_UNUSED = 96 << 20, 512 << 20
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
        section_known(backend).open or of_functions(backend)
    ):
        raise ConfigurationError(f"the storage 'localhost' is not seen from {backend}")
    if backend in _OF_THIS_MACHINE:
        _check_runtime(section.get("runtime"))
    modules = general.get("include_modules", ())
    place = place_of(general, of_channel(content, general.get("monitoring", "")))
    return Settings(
        backend=backend,
        mode=general["mode"],
        options=_options(backend, general, section)
        | _of_backend(backend, general, section)
        | ({"monitoring": place} if place else {}),
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
    section = section_known(name)
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
    section, values = section_known(name), with_cloud(content, name)
    missing = [key for key in section.required if key not in values]
    # A URL says it all, as Redis' does.
    if section.role is Role.STORAGE and missing and "url" not in values:
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
    known = section_known(backend)
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
        options.setdefault("max_memory", worker_memory(section["runtime_memory"]))
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
    known = section_known(name)
    # A deployment may scale as far as the executor asks for.
    executors = OWN_KEYS | (_OF_EXECUTOR - {"max_workers"})
    dropped = executors if of_functions(name) and not known.open else ()
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


def worker_memory(megabytes: float) -> int:
    """Return how many bytes a worker may allocate, for so many MB (units of 1024) that it may use.

    The kernel limits what is allocated, and libraries allocate much for each CPU that they never
    use: numpy, pandas and scipy together 90 MB, of which nothing is resident.
    """
    unused = min((os.cpu_count() or 1) * _UNUSED_PER_CPU, _MOST_UNUSED)
    return int(megabytes * (1 << 20)) + unused


def _level(general: Mapping[str, Any]) -> str | None:
    level = general.get("log_level", "")
    return None if level is None or level is False else str(level)


def _check_runtime(runtime: str | None) -> None:
    if runtime is not None and runtime not in _INTERPRETERS:
        raise ConfigurationError(
            f"runtime {runtime!r} is not available in this version: workers run in this "
            f"program's own interpreter, {sys.executable}; leave runtime out"
        )
