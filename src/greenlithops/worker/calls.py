"""Running one call and measuring it: the code that every worker, wherever it is, has in common."""

from __future__ import annotations

import os
import resource
import sys
import time
from contextlib import contextmanager
from types import CoroutineType

from greenlithops.worker.descendants import Descendants
from greenlithops.worker.errors import pack_error
from greenlithops.worker.outbox import DONE, RAISED, UNREADABLE, UNSENDABLE
from greenlithops.worker.pickling import Packer, Payload, unpack

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from greenlithops.worker.assigned import Assigned

#: start of the function (monotonic ns), then ns of: the function by the clock, CPU of the function,
#: of which in the kernel, unpickling and pickling by the clock; then bytes of the process: peak
#: RSS, peak RSS before the call, and at its end RSS, virtual and unshared memory; 0: not known
Times = tuple[int, int, int, int, int, int, int, int, int, int]
Result = tuple[int, Payload, Times]

LONG_NS = 1_000_000  #: shorter calls are not asked for kernel time, children and memory
#: so long after it was read, the CPU time is taken to have gone on like the clock: reading it is a
#: system call of 0.7 µs, and calls that do nothing take 10 µs altogether
FRESH_NS = 20_000
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Function:
    """A function as a worker knows it; unpickled by the thread that first runs it."""

    __slots__ = (
        "_assigned",
        "_blob",
        "_buffers",
        "_call",
        "directory",
        "environment",
        "is_async",
        "live",
        "path",
        "timeout",
    )

    def __init__(
        self,
        blob: bytes,
        buffers: list[Any],
        options: dict[str, Any],
        assigned: Assigned | None = None,
    ) -> None:
        self._assigned = assigned
        self._blob = blob
        self._buffers = buffers
        self._call: Callable[..., Any] | None = None
        self.directory: str = options["directory"]
        self.path: list[str] = options["path"]
        self.environment: dict[str, str] = options["environment"]
        self.is_async: bool = options["is_async"]
        self.timeout: float | None = options["timeout"]
        self.live: bool = options["live"]

    def load(self) -> Callable[..., Any]:
        """Return the callable; raises whatever unpickling it raises."""
        if self._call is None:
            call = unpack(self._blob, self._buffers)
            if self._assigned is not None:
                self._assigned.show(call)
            self._call = call
            self._blob, self._buffers = b"", []
        return self._call


class Runner:
    """Runs synchronous calls, one at a time, in the thread that asks.

    Args:
        clock: the CPU time, in ns, of what a call may use: the process or the thread.
        beside: what of that other threads of the worker have used, for something else.

    Attributes:
        aside: what the clock has counted that is not of calls, when it was last read.
        peak: of the process's resident memory, in bytes.
        memory: of the process, resident and virtual, in bytes, after the last long call.
        elsewhere: CPU ns that calls so far have used in other processes.
    """

    def __init__(self, clock: Callable[[], int], beside: Callable[[], int] = int) -> None:
        self._clock = clock
        self._beside = beside
        self._read = self._read_at = self.aside = 0
        self._packer = Packer()
        self._pid = os.getpid()
        self.peak = self._system = self.elsewhere = 0
        self.memory = (0, 0)
        # In threads of a client, its children are not those of calls.
        self._descendants = Descendants() if clock is time.process_time_ns else None
        self.account(0)

    def cpu_at(self, now: int) -> int:
        """Return the CPU ns, less what was beside, at a time that has just been (monotonic ns)."""
        since = now - self._read_at
        if since < FRESH_NS:
            return self._read + since
        self.aside = self._beside()
        self._read = self._clock() - self.aside
        self._read_at = now
        return self._read

    def rested(self) -> None:
        """Take note that the thread has waited, so that its CPU time has not gone on."""
        self._read_at = 0

    def run(
        self,
        function: Function,
        blob: bytes,
        buffers: list[Any],
        prepare: Callable[[Function], None],
        cpu: int,
    ) -> Result:
        """Run one call to its end; whatever it does to itself becomes its outcome.

        Args:
            function: what to call.
            blob: the pickled arguments.
            buffers: what they refer to.
            prepare: called before anything of the user's.
            cpu: what `cpu_at` said when the call began.
        """
        received = start = end = time.monotonic_ns()
        before = self.peak
        try:
            prepare(function)
            call = function.load()
            arguments = unpack(blob, buffers)
        except BaseException as error:  # noqa: BLE001 - becomes the outcome of the call
            status, payload = UNREADABLE, pack_error(error)
        else:
            start = time.monotonic_ns()
            used = self.cpu_at(start)
            status, value = self._call(call, arguments)
            end = time.monotonic_ns()
            used = self.cpu_at(end) - used
            if os.getpid() != self._pid:
                os._exit(0)  # a child that the function forked came out of it: not ours to answer
            del arguments
            status, payload = self.pack(value) if status == DONE else (status, value)
        done = time.monotonic_ns()
        beside = (start - received) + (done - end)
        if end == start or beside > LONG_NS:
            used = self.cpu_at(done) - cpu  # with what unpickling and pickling took
        cpu = max(0, used)
        system = resident = virtual = unshared = 0
        if done - received > LONG_NS:
            cpu, system = self.account(cpu)
            resident, virtual = self.memory
            unshared = unshared_memory(resident, done - received)
        spans = (start, end - start, cpu, system, beside)
        return status, payload, (*spans, self.peak, before, resident, virtual, unshared)

    @staticmethod
    def _call(call: Callable[..., Any], arguments: Any) -> tuple[int, Any]:
        try:
            if type(arguments) is tuple:
                value = call(*arguments)
            else:
                value = call(*arguments[0], **arguments[1])
            if type(value) is CoroutineType:
                import asyncio  # noqa: PLC0415 - a function that hides that it is async is rare

                value = asyncio.run(value)
        except BaseException as error:  # noqa: BLE001 - the user's errors are data
            return RAISED, pack_error(error, skip=1)
        return DONE, value

    def pack(self, value: Any) -> tuple[int, Payload]:
        """Return a result as a payload, or the reason why it cannot be one."""
        try:
            return DONE, self._packer.pack(value)
        except BaseException as error:  # noqa: BLE001 - becomes the outcome of the call
            return UNSENDABLE, pack_error(error)

    def account(self, cpu: int) -> tuple[int, int]:
        """Return the CPU time with that of child processes, and the kernel's part of it (ns)."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        peak, *memory = memory_now()
        self.peak, self.memory = peak or usage.ru_maxrss * MAXRSS_UNIT, (memory[0], memory[1])
        below = int((children.ru_utime + children.ru_stime) * 1e9)
        kernel = int((usage.ru_stime + children.ru_stime) * 1e9)
        elsewhere = below
        if self._descendants is not None:
            elsewhere += self._descendants.look()
        cpu = max(0, cpu + elsewhere - self.elsewhere)
        system = min(cpu, kernel - self._system)
        self.elsewhere, self._system = elsewhere, kernel
        return cpu, system


def memory_now() -> tuple[int, int, int]:
    """Return the bytes of this process: peak resident, resident, virtual; 0 where not known.

    ``ru_maxrss`` would count what the client had resident when it started the process.
    """
    found = dict.fromkeys((b"VmHWM", b"VmRSS", b"VmSize"), 0)
    try:
        with open("/proc/self/status", "rb") as file:  # noqa: PTH123 - pathlib is not imported here
            for line in file:
                name, _, value = line.partition(b":")
                if name in found:
                    found[name] = int(value.split()[0]) * 1024
    except OSError:
        pass  # the kernel is silent
    peak, resident, virtual = found.values()
    return peak, resident, virtual


def unshared_memory(resident: int, took_ns: int) -> int:
    """Return the bytes of this process that no other one shares; 0 if that is not known.

    The kernel counts page by page: about 0.4 ms, and 20 ms for each resident GB. It is only asked
    after calls that took 200 times as long.
    """
    if took_ns < 200 * (400_000 + resident // 50):
        return 0
    try:
        with open("/proc/self/smaps_rollup", "rb") as file:  # noqa: PTH123 - see above
            lines = [line.split() for line in file if line.startswith(b"Private_")]
    except OSError:
        return 0  # the kernel is silent
    return 1024 * sum(int(words[1]) for words in lines)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables around calls; afterwards everything is as it was."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
