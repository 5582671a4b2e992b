"""Process: a function call on a worker of its own, with the standard library's methods."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
import weakref
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from greenlithops.multiprocessing import config, identity, session
from greenlithops.multiprocessing.identity import FAILED, current_process, parent_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from greenlithops.multiprocessing.child import Child

__all__ = ["BaseProcess", "Process", "active_children", "current_process", "parent_process"]

_children: set[Process] = set()
_dangling: weakref.WeakSet[Process] = weakref.WeakSet()
_lock = threading.Lock()


class Process:
    """A call on a worker of its own; see `multiprocessing.Process`.

    Args:
        group: always None.
        target: what is called; a coroutine function is run to its end.
        name: by default ``Process-1``, ``Process-2`` …
        args: positional arguments.
        kwargs: named arguments.
        daemon: end it with the program instead of waiting for it.
    """

    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        daemon: bool | None = None,
    ) -> None:
        if group is not None:
            raise AssertionError("group argument must be None for now")
        current = identity.current_process()
        self._target = target
        self._args = tuple(args or ())
        self._kwargs = dict(kwargs or {})
        self._identity = identity.place_of(identity.next_numbers())
        self._name = name or identity.name_of(type(self).__name__, self._identity)
        self._daemon = bool(current.daemon) if daemon is None else daemon
        self._authkey = bytes(current.authkey)
        self._parent_pid = os.getpid()
        self._parent_name = current.name
        self._child: Child | None = None
        self._own_pid: int | None = None
        self._closed = False
        _dangling.add(self)

    def run(self) -> None:
        """Do what the process is for: call the target."""
        if self._target is not None:
            result = self._target(*self._args, **self._kwargs)
            if type(result) is CoroutineType:
                import asyncio  # noqa: PLC0415 - only where there is one

                asyncio.run(result)

    def start(self) -> None:
        """Start it.

        Raises:
            AssertionError: it was started before, or belongs to another process.
            FunctionNotSerializable: something in it cannot be pickled.
        """
        self._check_open()
        if self._child is not None:
            raise AssertionError("cannot start a process twice")
        if self._parent_pid != os.getpid():
            raise AssertionError("can only start a process object created by current process")
        from greenlithops.multiprocessing.child import Child  # noqa: PLC0415 - children need it not

        _clean_up()
        target = _Bootstrap(self)
        self._child = Child(target, self._name, daemon=self._daemon)
        self._target, self._args, self._kwargs = None, (), {}
        with _lock:
            _children.add(self)

    def terminate(self) -> None:
        """End it with SIGTERM."""
        self._started("terminate").send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._started("kill").send_signal(signal.SIGKILL)

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, at most `timeout` seconds."""
        if self._started("join").wait(timeout):
            with _lock:
                _children.discard(self)

    def _started(self, what: str) -> Child:
        self._check_open()
        if self._parent_pid != os.getpid():
            raise AssertionError(f"can only {what} a child process")
        if self._child is None:
            raise AssertionError(f"can only {what} a started process")
        return self._child

    def is_alive(self) -> bool:
        """Return whether it runs."""
        self._check_open()
        if self is identity.current_process():
            return True
        if self._parent_pid != os.getpid():
            raise AssertionError("can only test a child process")
        if self._child is None:
            return False
        if self._child.exitcode is None:
            return True
        with _lock:
            _children.discard(self)
        return False

    def close(self) -> None:
        """Release what is held for it.

        Raises:
            ValueError: it has not ended.
        """
        if self._child is not None and not self._closed:
            if self._child.exitcode is None:
                raise ValueError(
                    "Cannot close a process while it is still running. You should first call "
                    "join() or terminate()."
                )
            self._child.close()
        with _lock:
            _children.discard(self)
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("process object is closed")

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        if not isinstance(name, str):
            raise AssertionError("name must be a string")  # noqa: TRY004 - the standard library's
        self._name = name

    @property
    def daemon(self) -> bool:
        """Whether it ends with the program."""
        return self._daemon

    @daemon.setter
    def daemon(self, daemonic: bool) -> None:
        if self._child is not None:
            raise AssertionError("process has already started")
        self._daemon = daemonic

    @property
    def authkey(self) -> bytes:
        """What connections authenticate with."""
        return self._authkey

    @authkey.setter
    def authkey(self, authkey: bytes) -> None:
        self._authkey = bytes(authkey)

    @property
    def exitcode(self) -> int | None:
        """Its exit status, or minus the signal that ended it; None while it runs."""
        self._check_open()
        return None if self._child is None else self._child.exitcode

    @property
    def ident(self) -> int | None:
        """Its process number; None before it was started, or where it has none here."""
        self._check_open()
        if self._own_pid is not None:
            return self._own_pid
        return None if self._child is None else self._child.pid

    pid = ident

    @property
    def sentinel(self) -> int:
        """A descriptor that is ready when it has ended.

        Raises:
            ValueError: it was not started.
        """
        self._check_open()
        if self._child is None:
            raise ValueError("process not started")
        return self._child.sentinel

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_child": None}

    def __repr__(self) -> str:
        if self._closed:
            status = "closed"
        elif self is identity.current_process():
            status = "started"
        elif self._parent_pid != os.getpid():
            status = "unknown"
        elif self._child is None:
            status = "initial"
        elif self._child.exitcode is None:
            status = "started"
        else:
            status = f"stopped exitcode={self._child.exitcode}"
        about = [f"name={self._name!r}", f"parent={self._parent_pid}", status]
        if self._child is not None:
            about.insert(1, f"pid={self._child.pid}")
        return f"<{type(self).__name__} {' '.join(about)}{' daemon' if self._daemon else ''}>"


BaseProcess = CloudProcess = Process  #: the standard library's name, and Lithops'


class _Bootstrap:
    """What a child's worker does."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._about = identity.myself(), config.everything(), session.known()

    def __call__(self) -> tuple[int, str]:
        parent, parameters, shared = self._about
        process = self._process
        process._own_pid = os.getpid()  # noqa: SLF001 - a part of it
        config.update(parameters)
        identity.become(process.name, process._identity, parent, process)  # noqa: SLF001 - see above
        session.adopt(shared)
        try:
            process.run()
        except SystemExit as leaving:
            return _status(leaving.code), ""
        except BaseException:  # noqa: BLE001 - told by the parent, as a child's errors are
            return FAILED, traceback.format_exc()
        return 0, ""


def _status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)  # noqa: T201 - what sys.exit does with a text
    return FAILED


def _clean_up() -> None:
    with _lock:
        for process in list(_children):
            if process._closed or process.exitcode is not None:  # noqa: SLF001 - a part of it
                _children.discard(process)


def active_children() -> list[Process]:
    """Return the processes that this one has started and that run."""
    _clean_up()
    with _lock:
        return list(_children)


def _forget() -> None:
    """In a forked child: it has no children."""
    global _lock  # noqa: PLW0603 - it may have been held by a thread that is not here
    _lock = threading.Lock()
    _children.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
