"""What the parameters of `greenlithops.multiprocessing` mean for the executors that run calls."""

from __future__ import annotations

from typing import Any

from greenlithops.multiprocessing import config
from greenlithops.sync.config import settings

_ARGUMENTS = ("mode", "config_file", "backend", "storage", "monitoring")


def executor_options() -> dict[str, Any]:
    """Return arguments of `AsyncExecutor`: from the configuration, and from ``ENV_VARS``.

    ``LITHOPS_CONFIG`` has the arguments of `FunctionExecutor`, or sections, or both.

    Raises:
        ConfigurationError: something in it is not known.
    """
    given = dict(config.get_parameter(config.LITHOPS_CONFIG) or {})
    sections = {name: given.pop(name) for name in list(given) if isinstance(given[name], dict)}
    named = {name: given.pop(name, None) for name in _ARGUMENTS}
    found = settings(
        named["mode"],
        sections or None,
        named["config_file"],
        named["backend"],
        named["storage"],
        named["monitoring"],
        given,
    )
    options = dict(found.options)
    options["backend"] = found.backend
    if extra := config.get_parameter(config.ENV_VARS):
        options["extra_env"] = {**(options.get("extra_env") or {}), **extra}
    if found.runtime_memory is not None:
        options.setdefault("max_memory", f"{found.runtime_memory} MiB")
    return options
