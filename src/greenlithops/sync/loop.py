"""The one event loop of the synchronous face, in a thread of its own; only `sync` knows it."""

from __future__ import annotations

import _thread
import asyncio
import atexit
import contextvars
import inspect
import logging
import os
import sys
import threading
import warnings
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from greenlithops.errors import ExecutorClosed, UsageError
from greenlithops.sync.frames import trimmed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)

END_SECONDS = 2.0  #: how long the end of the program waits for workers and for the loop
#: On Windows, waiting for a lock cannot be interrupted by Ctrl-C, so it is done in pieces.
_PATIENCE = 0.1 if sys.platform == "win32" else -1


class Closable(Protocol):
    """What lives on the loop and has to be closed before it."""

    @property
    def patient(self) -> bool:
        """Whether the end of the program waits for its work."""

    async def close(self, *, kill: bool) -> None:
        """End it: when its work is done, or at once with `kill`."""


class _Crossing(Generic[T]):
    """One call from another thread into the loop, and the way back."""

    __slots__ = ("_arguments", "_function", "_lock", "_over", "_task", "error", "value")

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._function = function
        self._arguments = arguments
        self._task: asyncio.Task[None] | None = None
        self._over = False
        self._lock = _thread.allocate_lock()
        self._lock.acquire()
        self.value: T
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begin, on the loop; what is not a coroutine ends with it."""
        if self._over:  # it was cancelled first
            return
        try:
            value = self._function(*self._arguments)
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread
            self._finish(error)
            return
        if type(value) is not CoroutineType:
            self.value = value
            self._finish(None)
            return
        self._task = asyncio.get_running_loop().create_task(self._run(value), name="sync call")
        self._task.add_done_callback(lambda _: self._ended(value))

    async def _run(self, coroutine: Coroutine[Any, Any, T]) -> None:
        error: BaseException | None = None
        try:
            self.value = await coroutine
        except BaseException as raised:  # noqa: BLE001 - SystemExit would end the loop for all
            error = raised
        self._finish(error)

    def _ended(self, coroutine: Coroutine[Any, Any, T]) -> None:
        if not self._over:  # it was cancelled before it began
            coroutine.close()
            self._finish(asyncio.CancelledError())

    def _finish(self, error: BaseException | None) -> None:
        if not self._over:
            self.error = error
            self._over = True
            self._lock.release()

    def cancel(self) -> None:
        """Cancel, on the loop, what has been begun; what has not will not begin."""
        if self._task is not None:
            self._task.cancel()
        else:
            self._finish(asyncio.CancelledError())

    def wait(self) -> None:
        """Wait, in the caller's thread, for the end; again, if that was interrupted."""
        # Ctrl-C may come right after the lock was had, which is not released a second time.
        while not self._over and not self._lock.acquire(timeout=_PATIENCE):
            pass


class BackgroundLoop:
    """An event loop in a daemon thread, started by its first call and closed at exit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._warned = False
        self._residents: set[Closable] = set()

    @overload
    def call(self, function: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args) -> T: ...  # type: ignore[valid-type]
    @overload
    def call(self, function: Callable[P, T], /, *args: P.args) -> T: ...  # type: ignore[valid-type]
    def call(self, function: Callable[..., Any], /, *args: Any) -> Any:
        """Call `function` on the loop, await a coroutine that it returns, and give the result.

        Whatever interrupts the wait, such as Ctrl-C, cancels the work and waits for its cleanup;
        a second interruption abandons that.

        Raises:
            UsageError: this is the loop's own thread, which must not wait for itself.
            ExecutorClosed: the program is ending.
        """
        self._warn_in_a_loop()
        return self.call_anyway(function, *args)

    def call_anyway(self, function: Callable[..., Any], /, *args: Any) -> Any:
        """Do the same without a warning to those who have an event loop themselves."""
        loop = self._started()
        if self.inside:
            raise UsageError(
                "this would wait for the event loop from within it: in a callback or hook, use "
                "the asynchronous face, or another thread"
            )
        crossing: _Crossing[Any] = _Crossing(function, args)
        try:
            loop.call_soon_threadsafe(crossing.start)
            crossing.wait()
        except BaseException:
            loop.call_soon_threadsafe(crossing.cancel)
            crossing.wait()
            raise
        if crossing.error is None:
            return crossing.value
        error = crossing.error
        if isinstance(error, asyncio.CancelledError) and self._closed:
            error = ExecutorClosed("the program is ending")
        try:
            raise trimmed(error)
        finally:
            del crossing, error  # an exception that refers to its own frame is a cycle

    def post(self, function: Callable[..., object], /, *args: Any) -> None:
        """Have `function` called on the loop, soon; return at once."""
        self._started().call_soon_threadsafe(function, *args)

    @property
    def inside(self) -> bool:
        """Whether this is the loop's own thread."""
        return self._thread is not None and self._thread.ident == threading.get_ident()

    @property
    def running(self) -> bool:
        """Whether the loop has been started and not closed."""
        return self._loop is not None and not self._closed

    def keep(self, resident: Closable) -> None:
        """Have `resident` closed before the loop."""
        self._residents.add(resident)

    def release(self, resident: Closable) -> None:
        """Forget a resident that has been closed."""
        self._residents.discard(resident)

    def _started(self) -> asyncio.AbstractEventLoop:
        loop = self._loop
        if loop is not None and not self._closed:
            return loop
        with self._lock:
            if self._closed:
                raise ExecutorClosed("the program is ending: nothing can be run any more")
            if self._loop is None:
                atexit.register(self.close)
                self._loop, self._thread = self._begun()
            return self._loop

    def _begun(self) -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
        """Return a loop with the thread that runs it: both, even if Ctrl-C comes between."""
        loop = asyncio.SelectorEventLoop()  # importing uvloop alone takes longer than a first call
        options: dict[str, Any] = {}
        if sys.version_info >= (3, 14):
            options["context"] = contextvars.Context()
        thread = threading.Thread(
            target=self._serve, args=(loop,), name="greenlithops-loop", daemon=True, **options
        )
        try:
            thread.start()
        except BaseException:
            loop.call_soon_threadsafe(loop.stop)
            raise
        return loop, thread

    @staticmethod
    def _serve(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        while True:
            try:
                loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                logger.exception("something in the background tried to end the program")
            else:
                break
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def _warn_in_a_loop(self) -> None:
        if not self._warned and not self.inside and _in_a_loop() and not _in_notebook():
            self._warned = True
            warnings.warn(
                "a blocking call of greenlithops holds up the event loop that runs in this "
                "thread; AsyncExecutor does not",
                RuntimeWarning,
                stacklevel=_depth(),
            )

    def close(self) -> None:
        """End everything that lives on the loop, and the loop; may be called again."""
        loop, thread = self._loop, self._thread
        if self._closed or loop is None or thread is None:
            return
        for resident in [resident for resident in list(self._residents) if resident.patient]:
            try:
                self.call(_close_gently, resident)
            except KeyboardInterrupt:
                break
        with self._lock:
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._end(), loop)
        thread.join(END_SECONDS + 1)

    async def _end(self) -> None:
        closing = [asyncio.ensure_future(resident.close(kill=True)) for resident in self._residents]
        if closing:
            await asyncio.wait(closing, timeout=END_SECONDS)
        tasks = asyncio.all_tasks() - {cast("asyncio.Task[Any]", asyncio.current_task())}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=END_SECONDS / 4)
        asyncio.get_running_loop().stop()


async def _close_gently(resident: Closable) -> None:
    await resident.close(kill=False)


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and shell.get_ipython() is not None


def _depth() -> int:
    """Return how many frames up the first one is that is not ours, for a warning."""
    package = __name__.partition(".")[0]
    frame, depth = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith(package):
        frame, depth = frame.f_back, depth + 1
    return depth


_loop = BackgroundLoop()
_left_behind: list[BackgroundLoop] = []


def background() -> BackgroundLoop:
    """Return the loop of this process."""
    return _loop


def _forget() -> None:
    """In a forked child: the thread is not here, so the loop must not be used, nor finalized."""
    global _loop  # noqa: PLW0603 - this is the one loop
    _left_behind.append(_loop)
    atexit.unregister(_loop.close)
    _loop = BackgroundLoop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
