"""One call on a worker of its own: what a `Process` is, as its parent sees it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import sys
import threading
import traceback
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlithops.errors import CallCancelled, ExecutorClosed, RemoteError, WorkerLost
from greenlithops.executor import AsyncExecutor
from greenlithops.multiprocessing import config
from greenlithops.multiprocessing.identity import FAILED
from greenlithops.multiprocessing.options import executor_options
from greenlithops.offload import off_loop
from greenlithops.sync.below import first_worker, pack, submit_packed
from greenlithops.sync.loop import background
from greenlithops.sync.output import flush, show, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.job import Future
    from greenlithops.sync.below import Packed


class Child:
    """A running child.

    Args:
        target: what it calls; returns an exit code and, if it failed, a traceback as text.
        name: for messages.
        daemon: whether the program ends without waiting for it.
    """

    def __init__(self, target: Callable[[], tuple[int, str]], name: str, *, daemon: bool) -> None:
        self.pid: int | None = None
        self.exitcode: int | None = None
        self.sentinel, sentinel_end = os.pipe()
        self.close = _closing(self, self.sentinel)
        self._let_go = _closing(self, sentinel_end)
        self.patient = not daemon
        self._name = name
        self._over = threading.Event()
        self._signal: int | None = None
        self._executor: AsyncExecutor
        self._call: Future[tuple[int, str]]
        self._following: asyncio.Task[None]
        try:
            options = executor_options() | {"max_workers": 1, "retries": None}
            if config.get_parameter(config.STREAM_STDOUT):
                options = shown(options)
                flush()
            # Packed here: what is shared may have to ask its server on the way.
            packed = pack(target)
            background().call_anyway(self._start, packed, options)
        except BaseException:
            self.close()
            self._let_go()
            raise

    # In any thread.

    def wait(self, timeout: float | None) -> bool:
        """Wait for its end, at most `timeout` seconds; return whether it has ended."""
        return self._over.wait(timeout)

    def send_signal(self, number: int) -> None:
        """Send a signal; what has not begun to run is cancelled."""
        if not self._over.is_set():
            background().call_anyway(self._send_signal, number)

    # On the loop.

    async def _start(self, packed: Packed, options: dict[str, Any]) -> None:
        self._executor = await AsyncExecutor(**options).__aenter__()
        try:
            self._call = submit_packed(self._executor, packed)
        except BaseException:
            await self._executor.__aexit__(ExecutorClosed, ExecutorClosed(), None)
            raise
        self.pid = first_worker(self._executor)[0]
        self._resident = _Resident(self)
        background().keep(self._resident)
        self._following = asyncio.create_task(self._follow(), name=f"process {self._name}")

    def _send_signal(self, number: int) -> None:
        if self._call.done():
            return  # it is ending, and how is known
        pid, busy = first_worker(self._executor)
        if pid is not None and busy:
            with contextlib.suppress(ProcessLookupError):  # it has ended just now
                os.kill(pid, number)
        else:
            self._signal = number
            self._call.cancel()

    async def _follow(self) -> None:
        code, trace, error = FAILED, "", None
        try:
            code, trace = await self._call
        except WorkerLost as lost:
            code = -lost.signal if lost.signal else lost.exit_code or FAILED
        except (CallCancelled, asyncio.CancelledError):
            code = -(self._signal or signal.SIGTERM)
        except Exception as raised:  # noqa: BLE001 - told below, as a child's errors are
            error = raised
        if error is not None and not isinstance(error, RemoteError):
            trace = "".join(traceback.format_exception(error))
        if trace:
            print(f"Process {self._name}:\n{trace}", end="", file=sys.stderr, flush=True)  # noqa: T201 - as the standard library's children do
        await tell(self._call, self._name)
        try:
            await self._executor.__aexit__(None, None, None)
        finally:
            self.exitcode = code
            self._let_go()
            self._over.set()
            background().release(self._resident)
            del self._resident  # a cycle, which would keep the sentinel

    async def end(self, *, kill: bool) -> None:
        """Wait for its end; bring it about with `kill`."""
        if kill:
            self._signal = signal.SIGTERM
            self._call.cancel()
        await asyncio.wait([self._following])


def _closing(owner: Child, descriptor: int) -> weakref.finalize[[int], Child]:
    """Return what closes a descriptor once; programs rarely close a process, but drop it."""
    close = weakref.finalize(owner, os.close, descriptor)
    close.atexit = False
    return close


async def tell(call: Future[Any], name: str) -> None:
    """Show, and write down, what the parameters ask for of a call that has ended."""
    if config.get_parameter(config.STREAM_STDOUT) and call.logs:
        await off_loop(show, [call.logs])
    folder, stats = config.get_parameter(config.EXPORT_EXECUTION_DETAILS), call.stats
    if folder and stats is not None:
        content = {"process": name} | dataclasses.asdict(stats)
        energy = call.energy
        if energy is not None:
            content["energy_joules"] = energy.joules
        await off_loop(write, Path(folder) / f"{name}-{call.job.id}.json", json.dumps(content))


def write(path: Path, text: str) -> None:
    """Write a file, in a folder that may not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


class _Resident:
    """A child as the background loop knows it."""

    def __init__(self, child: Child) -> None:
        self.patient = child.patient
        self._child = child

    async def close(self, *, kill: bool) -> None:
        """End the child: when its work is done, or at once with `kill`."""
        await self._child.end(kill=kill)
