"""Functions, arguments and errors between user and wire, each failure naming what caused it."""

from __future__ import annotations

import pickle
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.modules import OWN, ModuleChoice, travels_by_value
from greenlithops.dispatch.plan import describe
from greenlithops.errors import (
    ArgumentsNotSerializable,
    FunctionNotSerializable,
    RemoteError,
    ResultNotReadable,
    ResultNotSerializable,
    SerializationError,
)
from greenlithops.worker.classes import digest_stream, register
from greenlithops.worker.outbox import RAISED, UNREADABLE, UNSENDABLE
from greenlithops.worker.pickling import Packer, Payload, pack_any, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

_registry_lock = threading.Lock()
MAX_DEPTH = 20  #: how far into a value the search for what cannot be pickled goes


@dataclass(frozen=True, slots=True)
class FunctionImage:
    """A pickled function: content-addressed, so that a worker gets it once."""

    name: str
    stream: bytes
    buffers: tuple[memoryview, ...]
    digest: bytes


class ClassBook:
    """The user's own classes that a job's function and arguments refer to.

    Each is pickled by value once, under a digest that stands for it from then on.

    Args:
        choice: which modules travel by value.
    """

    def __init__(self, choice: ModuleChoice = OWN) -> None:
        self.choice = choice
        self.definitions: dict[bytes, Payload] = {}
        self._digests: dict[int, tuple[type, bytes | None]] = {}
        self._defining = False
        self._modules: tuple[ModuleType, ...] | None = None

    @property
    def modules(self) -> tuple[ModuleType, ...]:
        """The modules that travel by value, found once for a job."""
        if self._modules is None:
            self._modules = self.choice.modules()
        return self._modules

    def name(self, cls: type) -> bytes | None:
        """Return the digest of a class of the user's own; None for one that can be imported."""
        if self._defining:
            return None  # a definition holds everything that it needs
        if id(cls) in self._digests:
            return self._digests[id(cls)][1]
        digest = None
        if travels_by_value(cls, self.choice):
            self._defining = True
            try:
                stream, buffers = pack_any(cls, self.name)
            finally:
                self._defining = False
            digest = digest_stream(stream, buffers)
            self.definitions[digest] = (stream, buffers)
            register(digest, cls)
        self._digests[id(cls)] = (cls, digest)  # held, so that its identity stays its own
        return digest


def pack_function(function: Callable[..., Any], book: ClassBook) -> FunctionImage:
    """Pickle a function with what it refers to: the user's own modules by value.

    Raises:
        FunctionNotSerializable: it refers to something that cannot be pickled.
    """
    name = describe(function)
    try:
        with _by_value(book.modules):
            stream, buffers = pack_any(function, book.name)
    except Exception as by_value:  # noqa: BLE001 - a reduction may raise anything
        try:
            # A module of the user's may hold what cannot be pickled, a lock or a connection.
            # Where workers see the same files, they can import it instead.
            stream, buffers = pack_any(function)
        except Exception as error:  # noqa: BLE001 - told in the error below
            raise FunctionNotSerializable(
                f"the function {name} cannot be pickled: {culprit(function, error)}"
            ) from by_value
    return FunctionImage(name, stream, tuple(buffers), digest_stream(stream, buffers))


@contextmanager
def _by_value(modules: Iterable[ModuleType]) -> Iterator[None]:
    import cloudpickle  # noqa: PLC0415 - loads while the first worker starts

    with _registry_lock:
        known = cloudpickle.list_registry_pickle_by_value()
        added = [module for module in modules if module.__name__ not in known]
        for module in added:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in added:
                cloudpickle.unregister_pickle_by_value(module)


class ArgumentPacker:
    """Pickles the arguments of a job's calls."""

    def __init__(self, book: ClassBook) -> None:
        self._book = book
        self._packer = Packer(self._pack_object)

    def pack(self, arguments: Any, name: str, number: int) -> Payload:
        """Return the arguments of call `number` of function `name` as a payload.

        Raises:
            ArgumentsNotSerializable: they cannot be pickled; the text names the culprit.
        """
        try:
            return self._packer.pack(arguments)
        except Exception as error:
            raise ArgumentsNotSerializable(
                f"the arguments of call {number} of {name} cannot be pickled: "
                f"{culprit(arguments, error)}"
            ) from error

    def _pack_object(self, value: Any) -> Payload:
        with _by_value(self._book.modules):
            return pack_any(value, self._book.name)


def culprit(value: Any, error: BaseException) -> str:
    """Return a text that names the smallest part of `value` that cannot be pickled, and why."""
    path = ""
    seen = {id(value)}
    found = True
    while found and len(seen) < MAX_DEPTH:
        found = False
        for where, part in _parts(value, path)[:1000]:
            if id(part) in seen:
                continue
            try:
                pack_any(part)
            except Exception as inner:  # noqa: BLE001 - this is the part that is looked for
                path, value, error = where, part, inner
                seen.add(id(part))
                found = True
                break
    kind = type(value)
    where = f"{path} " if path else ""
    return f"{where}({kind.__module__}.{kind.__qualname__}): {type(error).__name__}: {error}"


def _parts(value: Any, path: str) -> list[tuple[str, Any]]:
    """Return what a value consists of, with a text that says where it is."""
    if isinstance(value, (list, tuple)):
        return [(f"{path}[{i}]", part) for i, part in enumerate(value)]
    if isinstance(value, dict):
        return [(f"{path}[{key!r}]", part) for key, part in value.items()]
    if isinstance(value, FunctionType):
        captured = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        cells = [(name, cell) for name, cell in captured if cell != CellType()]
        parts = [(f"its variable {name!r}", cell.cell_contents) for name, cell in cells]
        return parts + [("a default value", part) for part in value.__defaults__ or ()]
    if hasattr(value, "__dict__") and not isinstance(value, type):
        return [(f"{path}.{name}", part) for name, part in vars(value).items()]
    return []


def read_result(blob: bytes, buffers: list[Any], name: str, number: int) -> Any:
    """Return the result of a call.

    Raises:
        ResultNotReadable: it cannot be rebuilt in this process.
    """
    try:
        return unpack(blob, buffers)
    except BaseException as error:  # even an exit: reading a result must not end the program
        raise ResultNotReadable(
            f"the result of call {number} of {name} arrived, but cannot be rebuilt here: "
            f"{type(error).__name__}: {error}"
        ) from error


def read_error(status: int, blob: bytes, name: str, number: int) -> Exception:
    """Return the exception that stands for a failed call, with the remote traceback as a note."""
    pickled, kind, text, trace = pickle.loads(blob)
    call = f"call {number} of {name}"
    error: Exception
    if status != RAISED and kind == "MemoryError":
        error = MemoryError(f"{text or 'out of memory'} while {call} was pickled or unpickled")
    elif status == UNSENDABLE:
        error = ResultNotSerializable(f"the result of {call} cannot be pickled: {kind}: {text}")
    elif status == UNREADABLE:
        error = SerializationError(
            f"the function or the arguments of {call} cannot be rebuilt in the worker: "
            f"{kind}: {text}"
        )
    else:
        error = _rebuild(pickled, kind, text, trace)
    note = f"\nRaised in a worker, in {call}:\n{trace}"
    try:
        error.add_note(note)
    except Exception:  # noqa: BLE001 - an exception may refuse to be changed
        error = _described(kind, text, trace, "which takes no notes")
        error.add_note(note)
    return error


def _rebuild(pickled: bytes | None, kind: str, text: str, trace: str) -> Exception:
    if pickled is None:
        return _described(kind, text, trace, "which cannot travel as it is")
    try:
        error = pickle.loads(pickled)
    except BaseException as failure:  # noqa: BLE001 - even an exit; it is described
        reason = f"which cannot be rebuilt here ({type(failure).__name__}: {failure})"
        return _described(kind, text, trace, reason)
    if isinstance(error, Exception):
        return error
    return _described(kind, text, trace, "which did not come back as an exception")


def _described(kind: str, text: str, trace: str, reason: str) -> RemoteError:
    message = f"the call raised {kind}: {text} ({reason})"
    return RemoteError(message, type_name=kind, remote_traceback=trace)
