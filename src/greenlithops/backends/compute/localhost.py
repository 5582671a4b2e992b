"""Worker processes on this machine: spawned, long-lived, and gone when their client is."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import mmap
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

from greenlithops.errors import ExecutorError, UsageError
from greenlithops.models import Limits
from greenlithops.offload import to_the_end
from greenlithops.worker.journal import JOURNAL_BYTES, Journal

if TYPE_CHECKING:
    from collections.abc import Callable

_ROOT = os.path.realpath(f"{__file__}/../../../..")
_START = (
    "import sys; sys.path.insert(0, {root!r}); from greenlithops.worker.process import main; "
    "main(*map(int, sys.argv[1:]))"
)
_LOG_TAIL = 4000
CAPTURED, INHERITED = "captured", "inherited"


class LocalWorker:
    """One worker process, as the client holds it."""

    def __init__(self, *, inherits: bool) -> None:
        """Start the process.

        Args:
            inherits: leave what calls print on this process' own streams.
        """
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int] = self._loop.create_future()  #: the exit status
        ours, theirs = socket.socketpair()
        lifeline_end, self._lifeline = os.pipe()
        shared = anonymous_file("greenlithops-journal")
        self._log = anonymous_file("greenlithops-log")
        try:
            os.truncate(shared, JOURNAL_BYTES)
            fcntl.fcntl(self._log, fcntl.F_SETFL, os.O_APPEND)
            self._memory = mmap.mmap(shared, JOURNAL_BYTES)
            self.journal = Journal(memoryview(self._memory))
            tracker = resource_tracker()
            descriptors = (theirs.fileno(), lifeline_end, shared, self._log)
            self._process = subprocess.Popen(
                [
                    *interpreter(),
                    "-c",
                    _START.format(root=_ROOT),
                    *map(str, (*descriptors, int(inherits), tracker)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=1 if inherits and _is_open(1) else self._log,
                stderr=2 if inherits and _is_open(2) else self._log,
                pass_fds=descriptors if tracker < 0 else (*descriptors, tracker),
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            os.close(self._lifeline)
            os.close(self._log)
            raise
        finally:
            theirs.close()
            os.close(lifeline_end)
            os.close(shared)
        self.socket = ours
        self.pid = self._process.pid
        self.spent_ns: int | None = None
        self._watch()

    def _watch(self) -> None:
        if not hasattr(os, "pidfd_open"):
            import threading  # noqa: PLC0415 - only where the kernel has no better way

            def wait() -> None:
                self._reap()
                self._loop.call_soon_threadsafe(self._exited)

            threading.Thread(target=wait, name=f"wait-{self.pid}", daemon=True).start()
            return
        self._pidfd = os.pidfd_open(self.pid)
        self._loop.add_reader(self._pidfd, self._exited)

    def _exited(self) -> None:
        if hasattr(os, "pidfd_open"):
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
        # What its calls have started and left running goes first: until the process is waited
        # for, nothing else can have its number.
        self.kill()
        self.ended.set_result(self._reap())

    def _reap(self) -> int:
        """Wait for the process; return its exit status, and keep what it has used."""
        if self._process.returncode is None:
            try:
                _, status, usage = os.wait4(self.pid, 0)
            except ChildProcessError:  # the program ignores SIGCHLD, so the kernel has waited
                return self._process.wait()
            self._process.returncode = os.waitstatus_to_exitcode(status)
            self.spent_ns = round((usage.ru_utime + usage.ru_stime) * 1e9)
        return self._process.returncode

    def kill(self) -> None:
        """Kill the process and every process that its calls have started."""
        if self.ended.done():
            return  # it was waited for: its number may be another's
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return  # nobody is left

    def last_words(self) -> str:
        """Return the end of what the process wrote outside of any call: why it crashed."""
        size = os.fstat(self._log).st_size
        tail = os.pread(self._log, _LOG_TAIL, max(0, size - _LOG_TAIL))
        return tail.decode("utf-8", "replace").strip()

    async def discard(self) -> None:
        """End a process that has not been used."""
        self.kill()
        await self.ended
        self.socket.close()
        self.close()

    def close(self) -> None:
        """Release what the client held for the process, after its end."""
        os.close(self._lifeline)
        os.close(self._log)
        self.journal.release()
        self._memory.close()


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def anonymous_file(name: str) -> int:
    """Return a descriptor of a file that has no place in the file system."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    import tempfile  # noqa: PLC0415 - where the kernel has no better way

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def resource_tracker() -> int:
    """Return a descriptor of what tracks shared memory; -1 if the program seems to use none.

    A worker with a tracker of its own would have blocks removed that it has merely opened.
    """
    if "multiprocessing.shared_memory" not in sys.modules:
        return -1
    from multiprocessing import resource_tracker as tracking  # noqa: PLC0415 - it is there already

    tracker: Any = tracking._resource_tracker  # noqa: SLF001 - as multiprocessing's own starts do
    running: int | None = tracker._fd  # noqa: SLF001 - asking for it writes to it, on the loop
    if running is not None:
        return running
    by_others = "multiprocessing.managers" in sys.modules  # which imports it in any case
    return -1 if by_others else tracker.getfd()


def interpreter() -> list[str]:
    """Return this interpreter's command with the flags that change what programs mean."""
    command = [sys.executable, "-P"]
    command += ["-O"] * sys.flags.optimize
    command += [f"-W{option}" for option in sys.warnoptions]
    for name, value in sys._xoptions.items():  # noqa: SLF001 - documented, in spite of its name
        command += ["-X", name if value is True else f"{name}={value}"]
    return command


class LocalhostBackend:
    """Runs calls in worker processes on this machine.

    Args:
        output: where what calls print goes: ``"captured"`` (to the logs of each call) or
            ``"inherited"`` (to the streams of this process, as it is printed).

    Raises:
        UsageError: `output` is something else.
    """

    name = "localhost"
    limits = Limits()

    def __init__(self, output: str = CAPTURED) -> None:
        if output not in {CAPTURED, INHERITED}:
            raise UsageError(f"output must be {CAPTURED!r} or {INHERITED!r}, not {output!r}")
        self._inherits = output == INHERITED
        self._spare: list[LocalWorker] = []

    async def __aenter__(self) -> Self:
        if not hasattr(os, "fork"):
            raise ExecutorError("the localhost backend needs a POSIX system; use 'inline' here")
        # The first worker starts while its client is still getting ready.
        with contextlib.suppress(OSError):  # told by the next that is started
            self._spare.append(LocalWorker(inherits=self._inherits))
        return self

    async def __aexit__(self, *_: object) -> None:
        """End a process that nobody has asked for; the dispatcher ends the others."""
        while self._spare:
            await to_the_end(self._spare.pop().discard())

    def start_worker(self, on_exit: Callable[[int], None]) -> LocalWorker:
        """Return one more process, whose exit status `on_exit` is told."""
        worker = self._spare.pop() if self._spare else LocalWorker(inherits=self._inherits)
        worker.ended.add_done_callback(lambda ended: on_exit(ended.result()))
        return worker
