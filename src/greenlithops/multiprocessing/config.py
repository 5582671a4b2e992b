"""The parameters of `greenlithops.multiprocessing`, under Lithops' names and a few of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LITHOPS_CONFIG = "LITHOPS_CONFIG"  #: sections of a configuration, as `FunctionExecutor` takes them
STREAM_STDOUT = "STREAM_STDOUT"  #: whether what processes print is shown
ENV_VARS = "ENV_VARS"  #: environment variables of processes
EXPORT_EXECUTION_DETAILS = "EXPORT_EXECUTION_DETAILS"  #: a folder for what calls took, or False
PIPE_CONNECTION_TYPE = "PIPE_CONNECTION_TYPE"  #: accepted; there is one kind, ``"redislist"``
REDIS_EXPIRY_TIME = "REDIS_EXPIRY_TIME"  #: seconds after which unused shared objects are forgotten
LEASE_TIME = "LEASE_TIME"  #: seconds after which a silent process has lost what it held
RECONNECT_TIME = "RECONNECT_TIME"  #: seconds to wait for a server that does not answer

_DEFAULTS: dict[str, Any] = {
    LITHOPS_CONFIG: {},
    STREAM_STDOUT: True,
    REDIS_EXPIRY_TIME: 3600,
    PIPE_CONNECTION_TYPE: "redislist",
    ENV_VARS: {},
    EXPORT_EXECUTION_DETAILS: False,
    LEASE_TIME: 10.0,
    RECONNECT_TIME: 10.0,
}
_PIPES = {"redislist", "redispubsub", "nanomsg"}
_SECONDS = {REDIS_EXPIRY_TIME, LEASE_TIME, RECONNECT_TIME}

_values: dict[str, Any] = dict(_DEFAULTS)


def set_parameter(key: str, value: Any) -> None:
    """Set one parameter.

    Raises:
        KeyError: there is none of this name.
        ConfigurationError: it cannot have this value.
    """
    if key not in _DEFAULTS:
        raise KeyError(_unknown("parameter", key, _DEFAULTS))
    if key in _SECONDS and not (isinstance(value, (int, float)) and value > 0):
        raise ConfigurationError(f"{key} must be a positive number of seconds, not {value!r}")
    if key == PIPE_CONNECTION_TYPE and value not in _PIPES:
        raise ConfigurationError(f"{key}: {_unknown('kind', str(value), _PIPES)}")
    _values[key] = value


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    from greenlithops.config.check import unknown  # noqa: PLC0415 - workers have no use for it

    return unknown(what, name, known)


def get_parameter(parameter: str) -> Any:
    """Return the value of a parameter.

    Raises:
        KeyError: there is none of this name.
    """
    return _values[parameter]


def update(config_dic: Mapping[str, Any] | None = None, **configurations: Any) -> None:
    """Set several parameters; see `set_parameter`."""
    for key, value in {**(config_dic or {}), **configurations}.items():
        set_parameter(key, value)


def reset() -> None:
    """Give every parameter its default again."""
    _values.update(_DEFAULTS)


def everything() -> dict[str, Any]:
    """Return all parameters, for a worker that shall have the same."""
    return dict(_values)
