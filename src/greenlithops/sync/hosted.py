"""An AsyncExecutor that lives on the background loop: opened when first needed, closed once."""

from __future__ import annotations

import asyncio
import os
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, overload

from greenlithops.errors import ExecutorClosed, ForkedError
from greenlithops.sync.loop import background

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from greenlithops.executor import AsyncExecutor
    from greenlithops.sync.chain import Chain

P = ParamSpec("P")
T = TypeVar("T")


class Hosted:
    """Keeps one executor, not entered yet, for faces in other threads."""

    patient = False

    def __init__(self, executor: AsyncExecutor) -> None:
        self.executor = executor
        self.closed = False
        self.chains: set[Chain] = set()  #: calls that will be made when others have ended
        self._pid = os.getpid()
        self._opening: asyncio.Task[Any] | None = None
        self._closing: asyncio.Task[None] | None = None

    # In any thread.

    @property
    def foreign(self) -> bool:
        """Whether this is another process than the one that made it."""
        return os.getpid() != self._pid

    def check(self) -> None:
        """Raise if the executor cannot be used.

        Raises:
            ForkedError: it was made in another process.
            ExecutorClosed: it has been closed.
        """
        if self.foreign:
            raise ForkedError(
                "this executor belongs to the process that made it; a forked process must make "
                "its own"
            )
        if self.closed:
            raise ExecutorClosed("this executor has been closed")

    @overload
    def ask(  # type: ignore[valid-type]  # only positional arguments are passed on
        self,
        function: Callable[Concatenate[AsyncExecutor, P], Coroutine[Any, Any, T]],
        /,
        *args: P.args,
    ) -> T: ...
    @overload
    def ask(  # type: ignore[valid-type]  # see above
        self, function: Callable[Concatenate[AsyncExecutor, P], T], /, *args: P.args
    ) -> T: ...
    def ask(self, function: Callable[..., Any], /, *args: Any) -> Any:
        """Return ``function(executor, *args)`` of the open executor, called on the loop."""
        self.check()
        return background().call(self._answer, function, args)

    def let_go(self) -> None:
        """Close it when its work is done; called when nobody can give it more."""
        if self._opening is not None and not self.foreign and background().running:
            background().post(self._close_soon)

    # On the loop.

    def _answer(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        if self._opening is not None and self._opening.done() and not self.closed:
            return function(self._opening.result(), *args)
        return self._open_and_answer(function, args)

    async def _open_and_answer(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        value = function(await self.open(), *args)
        return await value if type(value) is CoroutineType else value

    async def open(self) -> AsyncExecutor:
        """Return the executor, entered."""
        if self.closed:
            raise ExecutorClosed("this executor has been closed")
        if self._opening is None:
            background().keep(self)
            self._opening = asyncio.create_task(self.executor.__aenter__(), name="opening")
        try:
            opened: AsyncExecutor = await asyncio.shield(self._opening)
        except Exception:
            self._opening = None  # what was missing may be there the next time
            background().release(self)
            raise
        return opened

    def _close_soon(self) -> None:
        self.closed = True
        if self._closing is None:
            self._closing = asyncio.create_task(self._end(kill=False), name="closing")

    async def close(self, *, kill: bool) -> None:
        """Close it, once: when its work is done, or at once with `kill`."""
        self.closed = True
        if self._closing is None:
            self._closing = asyncio.create_task(self._end(kill=kill), name="closing")
        elif kill:
            self._closing.cancel()
        try:
            await asyncio.wait([self._closing])
        except asyncio.CancelledError:
            self._closing.cancel()
            await asyncio.wait([self._closing])
            raise
        if not self._closing.cancelled():
            self._closing.result()

    async def _end(self, *, kill: bool) -> None:
        try:
            if self._opening is None:
                return
            await asyncio.wait([self._opening])
            if self._opening.cancelled() or self._opening.exception():
                return
            error = ExecutorClosed() if kill else None
            try:
                while self.chains and not kill:
                    await next(iter(self.chains)).news()
            except asyncio.CancelledError as cancelled:
                self._drop_chains()
                await self.executor.__aexit__(type(cancelled), cancelled, None)
                raise
            self._drop_chains()
            await self.executor.__aexit__(type(error) if error else None, error, None)
        finally:
            background().release(self)

    def _drop_chains(self) -> None:
        for chain in list(self.chains):
            chain.cancel_all()
