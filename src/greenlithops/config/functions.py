"""The sections of services of functions that are there: the keys that all of them have."""

from __future__ import annotations

from greenlithops.config.general import LOCALHOST
from greenlithops.config.keys import (
    Fate,
    Key,
    Role,
    Section,
    flag,
    keyed,
    number,
    secret,
    text,
    whole,
)

DOCKER = (
    text("docker_server", "the registry"),
    text("docker_user", "its user"),
    secret("docker_password", "its password, or token"),
    text("docker_namespace", "where in the registry"),
)
_EVERYWHERE = (
    "energy", "energy_budget", "energy_log", "extra_env", "hooks", "log_bytes", "retries",
    "timeout",
)  # fmt: skip


def needless(advice: str, *keys: Key) -> tuple[Key, ...]:
    """Return keys that are accepted and change nothing."""
    return tuple(key._replace(fate=Fate.NEEDLESS, advice=advice) for key in keys)


def everywhere() -> dict[str, Key]:
    """Return the options of an executor that mean the same wherever calls run."""
    return {key: LOCALHOST.keys[key] for key in _EVERYWHERE}


def functions(name: str, about: str, *keys: Key, cloud: str = "", required: str = "") -> Section:
    """Return the section of a service of functions that is there."""
    common = (
        text("runtime", "the function's name, instead of one that follows from its content"),
        whole("runtime_memory", "MB of the function"),
        whole("runtime_timeout", "seconds that an invocation may take"),
        whole("max_workers", "invocations at a time at most"),
        number("patience", "seconds for which the service may be away"),
        *needless(
            "an environment runs one invocation at a time; see chunksize",
            whole("worker_processes", "processes in each worker"),
        ),
        *needless(
            "one event loop invokes",
            whole("invoke_pool_threads", "threads that invoke"),
            flag("remote_invoker", "invoke from a function"),
        ),
        *needless(
            "functions travel with their calls",
            flag("runtime_include_function", "build an image for each function"),
        ),
        text("backend", "set by Lithops itself"),
        text("storage", "set by Lithops itself"),
    )
    # A key of the service's own may have the name of one of ours, and mean something else.
    own = everywhere() | keyed(*common, *keys)
    return Section(name, Role.COMPUTE, about, own, cloud, "serverless", tuple(required.split()))
