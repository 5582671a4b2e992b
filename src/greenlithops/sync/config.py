"""What `FunctionExecutor` is told, in Lithops' words, as settings; pure, nothing is opened."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from greenlithops.errors import ConfigurationError

LOCALHOST = "localhost"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: sections of Lithops' configuration files; those of other services are not looked into
OTHER_SECTIONS = _names("""
    aliyun aliyun_fc aliyun_oss aws aws_batch aws_ec2 aws_lambda aws_s3 azure azure_containers
    azure_functions azure_storage azure_vms ceph code_engine gcp gcp_cloudrun
    gcp_compute_engine gcp_functions gcp_storage ibm ibm_cf ibm_cos ibm_vpc infinispan
    infinispan_hotrod k8s knative minio openwhisk oracle oracle_f oracle_oss prometheus
    rabbitmq redis singularity standalone swift vm
""")
#: keys of the section ``lithops`` that have a meaning in Lithops
GENERAL = _names("""
    backend backend_type mode storage monitoring monitoring_interval data_cleaner data_limit
    execution_timeout include_modules exclude_modules chunksize log_level log_format log_stream
    log_filename telemetry telemetry_interval retries customized_runtime
""")
#: keys of the section ``localhost``, and of the keyword arguments, that Lithops knows
LITHOPS_KEYS = _names("""
    runtime runtime_memory runtime_timeout max_workers worker_processes version pull_runtime
    use_gpu remote_invoker invoke_pool_threads backend storage
""")
#: options of `AsyncExecutor`, under their own names
OWN_KEYS = _names("""
    worker_concurrency max_memory max_calls_per_worker initializer initargs timeout retries
    extra_env log_bytes energy hooks
""")
_INTERPRETERS = {"python", "python3", Path(sys.executable).name, sys.executable}


@dataclass(frozen=True, slots=True)
class Settings:
    """What an executor needs to know.

    Attributes:
        options: arguments for `AsyncExecutor`.
        runtime_memory: megabytes that a worker may use, or None.
        log_level: the level of the logger, or None.
        config: the configuration as users see it.
    """

    options: Mapping[str, Any]
    runtime_memory: int | None
    log_level: str | None
    config: dict[str, dict[str, Any]] = field(default_factory=dict)


def settings(  # noqa: PLR0917 - the arguments of FunctionExecutor, in their order
    mode: str | None,
    config: Mapping[str, Any] | None,
    config_file: str | None,
    backend: str | None,
    storage: str | None,
    monitoring: str | None,
    keywords: Mapping[str, Any],
) -> Settings:
    """Return the settings that the arguments of `FunctionExecutor` stand for.

    Raises:
        ConfigurationError: something is not known, not possible here, or contradicts itself.
    """
    if config_file is not None:
        raise ConfigurationError(
            "config_file: configuration files are not read by this version; pass their content "
            "as config={'lithops': {…}, 'localhost': {…}}"
        )
    sections = _sections(config)
    general = _given(sections.get("lithops"))
    _check_names(general, GENERAL, "config['lithops'] has")
    for name, value in (("mode", mode), ("backend", backend), ("storage", storage)):
        chosen = value or general.get(name) or LOCALHOST
        general[name] = _only_here(name, chosen)
    if monitoring is not None:
        general["monitoring"] = monitoring
    local = _given(sections.get(LOCALHOST))
    known = LITHOPS_KEYS | OWN_KEYS
    _check_names(local, known, "config['localhost'] has")
    _check_names(keywords, known, "FunctionExecutor() got")
    local |= _given(keywords)
    _check_runtime(local.get("runtime"))
    memory = local.get("runtime_memory")
    level = general.get("log_level")
    return Settings(
        _options(general, local),
        None if memory is None else _number("runtime_memory", memory),
        str(level) if level else None,
        {"lithops": general, LOCALHOST: local},
    )


def _options(general: Mapping[str, Any], local: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: local[name] for name in OWN_KEYS if name in local}
    # Lithops' workers have processes; here, a worker is a process.
    counts = [_number(n, local[n]) for n in ("max_workers", "worker_processes") if n in local]
    if counts:
        options["max_workers"] = counts[0] * (counts[1] if counts[1:] else 1)
    if "runtime_memory" in local and "max_memory" not in local:
        options["max_memory"] = megabytes(_number("runtime_memory", local["runtime_memory"]))
    for name, value in (
        ("timeout", local.get("runtime_timeout", general.get("execution_timeout"))),
        ("retries", general.get("retries")),
    ):
        if value is not None:
            options.setdefault(name, value)
    return options


def megabytes(count: float) -> int:
    """Return the bytes of so many megabytes, as Lithops counts them: units of 1024."""
    return int(count * (1 << 20))


def _sections(config: Mapping[str, Any] | None) -> dict[str, Any]:
    if config is not None and not isinstance(config, Mapping):
        raise ConfigurationError(f"config must be a dictionary, not {type(config).__name__}")
    sections = dict(config or {})
    for name, value in sections.items():
        if name not in {"lithops", LOCALHOST, *OTHER_SECTIONS}:
            raise ConfigurationError(
                _unknown("config has", "section", name, ["lithops", LOCALHOST, *OTHER_SECTIONS])
            )
        if value is not None and not isinstance(value, Mapping):
            raise ConfigurationError(f"config[{name!r}] must be a dictionary")
    return sections


def _given(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (values or {}).items() if value is not None}


def _check_names(values: Iterable[str], known: frozenset[str], where: str) -> None:
    for name in values:
        if name not in known:
            raise ConfigurationError(_unknown(where, "key", name, known))


def _unknown(where: str, what: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(name), known, 1, 0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}"
    return f"{where} an unknown {what} {name!r}; {hint}"


def _only_here(name: str, value: str) -> str:
    if value == LOCALHOST:
        return value
    if name == "storage":
        advice = "results stay in this program; leave storage out, or say 'localhost'"
    else:
        advice = f"leave {name} out, or say 'localhost', to run on this machine"
    raise ConfigurationError(f"{name} {value!r} is not available in this version: {advice}")


def _check_runtime(runtime: str | None) -> None:
    if runtime is not None and runtime not in _INTERPRETERS:
        raise ConfigurationError(
            f"runtime {runtime!r} is not available in this version: workers run in this "
            f"program's own interpreter, {sys.executable}; leave runtime out"
        )


def _number(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise ConfigurationError(f"{name} must be a positive number, not {value!r}")
