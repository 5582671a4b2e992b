"""The functions that programs import from `lithops.utils`."""

from __future__ import annotations

import base64
import enum
import inspect
import json
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from greenlithops.as_lithops import constants
from greenlithops.config.keys import Role
from greenlithops.config.known import SECTIONS, named
from greenlithops.dispatch import plan
from greenlithops.errors import ConfigurationError, UsageError
from greenlithops.sync.futures import ResponseFuture
from greenlithops.sync.logs import set_log_level
from greenlithops.sync.place import in_worker, new_executor_id
from greenlithops.sync.submission import elements

CURRENT_PY_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
_UNIT = 1024.0
_FILLED = ("id", "storage", "ibm_cos", "rabbitmq")
_SCHEMES = {"cos": "ibm_cos", "s3": "aws_s3"}


class BackendType(enum.Enum):
    """How a backend takes calls: one by one, or many at once."""

    BATCH = "batch"
    FAAS = "faas"


def uuid_str() -> str:
    """Return a random name."""
    return str(uuid.uuid4())


def create_executor_id(lenght: int = 6) -> str:  # noqa: ARG001 - Lithops' parameter, as it spells it
    """Return a name for another executor of this program."""
    return new_executor_id()


def get_executor_id() -> str:
    """Return a name for another executor of this program."""
    return new_executor_id()


def is_lithops_worker() -> bool:
    """Return whether this process is a worker."""
    return in_worker()


def is_unix_system() -> bool:
    """Return whether this is a POSIX system."""
    return sys.platform != "win32"


def is_linux_system() -> bool:
    """Return whether this is Linux."""
    return sys.platform == "linux"


def is_notebook() -> bool:
    """Return whether the program runs in a notebook."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    return type(running).__name__ == "ZMQInteractiveShell"


def version_str(version_info: Sequence[int]) -> str:
    """Return ``"3.11"`` of ``(3, 11, …)``."""
    return f"{version_info[0]}.{version_info[1]}"


def log_prefix(executor_id: str, job_id: str | None = None, call_id: str | None = None) -> str:
    """Return how messages begin that are about an executor, a job, a call."""
    named_ids = (("ExecutorID", executor_id), ("JobID", job_id), ("CallID", call_id))
    return " | ".join(f"{name} {value}" for name, value in named_ids if value is not None)


def setup_lithops_logger(
    log_level: str | bool | None = constants.LOGGER_LEVEL,
    log_format: str | None = constants.LOGGER_FORMAT,
    stream: str | None = None,
    filename: str | None = None,
) -> None:
    """Set the logger of greenlithops up; see `lithops.log_level` of the configuration."""
    set_log_level(log_level, log_format, stream, filename)


def get_default_backend(mode: str | None) -> str | None:
    """Return the backend that a mode means."""
    if not mode:
        return None
    known = {
        constants.LOCALHOST: constants.LOCALHOST,
        constants.SERVERLESS: constants.SERVERLESS_BACKEND_DEFAULT,
        constants.STANDALONE: constants.STANDALONE_BACKEND_DEFAULT,
    }
    if mode not in known:
        raise ConfigurationError(f"there is no mode {mode!r}; there are {', '.join(known)}")
    return known[mode]


def get_mode(backend: str | None) -> str:
    """Return the mode of a backend."""
    if backend is None:
        return constants.MODE_DEFAULT
    if backend not in named(Role.COMPUTE):
        raise ConfigurationError(f"there is no compute backend {backend!r}")
    return SECTIONS[backend].mode if backend in SECTIONS else constants.LOCALHOST


def iterchunks(lst: Sequence[Any], n: int) -> Iterator[Sequence[Any]]:
    """Give a sequence in parts of `n`."""
    for start in range(0, len(lst), n):
        yield lst[start : start + n]


def sizeof_fmt(num: float, suffix: str = "B") -> str:
    """Return a number of bytes for people: ``"1.5KiB"``."""
    units = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
    power = 0
    while abs(num) >= _UNIT and power < len(units) - 1:
        num /= _UNIT
        power += 1
    return f"{num:3.1f}{units[power]}{suffix}"


def convert_bools_to_string(extra_env: dict[str, Any]) -> dict[str, Any]:
    """Turn true and false into text, in place."""
    extra_env.update({k: str(v) for k, v in extra_env.items() if isinstance(v, bool)})
    return extra_env


def bytes_to_b64str(byte_data: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(byte_data).decode("ascii")


def b64str_to_bytes(str_data: str) -> bytes:
    """Return the bytes of a base64 text."""
    return base64.b64decode(str_data)


def dict_to_b64str(the_dict: Mapping[str, Any]) -> str:
    """Return a dictionary as JSON in base64 text."""
    return bytes_to_b64str(json.dumps(the_dict, default=str).encode())


def b64str_to_dict(str_data: str) -> Any:
    """Return the dictionary of JSON in base64 text."""
    return json.loads(b64str_to_bytes(str_data))


def split_object_url(obj_url: str) -> tuple[str | None, str, str, str]:
    """Return storage, bucket, prefix and name of ``"s3://bucket/some/key"``."""
    scheme, separator, path = obj_url.rpartition("://")
    bucket, _, key = path.partition("/")
    prefix, _, name = key.rpartition("/")
    return (_SCHEMES.get(scheme, scheme) if separator else None), bucket, prefix, name


def split_path(path: str) -> tuple[str, str | None]:
    """Return bucket and key of ``"bucket/some/key"``."""
    bucket, separator, key = path.removeprefix("/").partition("/")
    return bucket, key if separator else None


def format_data(iterdata: Any, extra_args: Any) -> list[Any]:
    """Return what is mapped over as a list, with `extra_args` in every element."""
    if not extra_args:
        return elements(iterdata)
    more = tuple(extra_args) if isinstance(extra_args, list) else extra_args
    return [_with_more(element, more) for element in elements(iterdata)]


def _with_more(element: Any, more: Any) -> Any:
    if isinstance(element, dict) != isinstance(more, Mapping):
        raise UsageError(
            "extra_args must be a mapping where elements are dictionaries, else a tuple"
        )
    if isinstance(element, dict):
        return {**element, **more}
    return (*(element if isinstance(element, tuple) else (element,)), *more)


def verify_args(func: Callable[..., Any], iterdata: Any, extra_args: Any) -> list[dict[str, Any]]:
    """Return, for every element, the parameters that it names.

    Raises:
        UsageError: an element does not fit.
    """
    data = format_data(iterdata, extra_args)
    if data and all(isinstance(element, ResponseFuture) for element in data):
        return [{"future": element} for element in data]
    signature = inspect.signature(func)
    own = [p for p in signature.parameters.values() if p.name not in _FILLED]
    bind = plan.binder(func)
    found: list[dict[str, Any]] = []
    for number, element in enumerate(data):
        bind(element, number)
        if isinstance(element, dict):
            found.append(element)
        else:
            args = element if isinstance(element, tuple) else (element,)
            found.append(dict(signature.replace(parameters=own).bind(*args).arguments))
    return found


def as_future_list(futures: ResponseFuture | Iterable[ResponseFuture]) -> list[ResponseFuture]:
    """Return one future, or several, as a list."""
    return [futures] if isinstance(futures, ResponseFuture) else list(futures)
