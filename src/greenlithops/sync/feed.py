"""Moves submitted calls into the loop and their outcomes out of it, many at a time."""

from __future__ import annotations

# ruff: noqa: SLF001 - the parts of this face know each other
import asyncio
import collections
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch import plan
from greenlithops.errors import InitializerFailed
from greenlithops.job import Future
from greenlithops.models import CallState
from greenlithops.offload import off_loop
from greenlithops.sync.below import ended_since, start_many, tracker_of
from greenlithops.sync.loop import background
from greenlithops.sync.output import flush, show
from greenlithops.sync.pool_future import PENDING, finish_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.dispatch.tracker import Tracker
    from greenlithops.executor import AsyncExecutor
    from greenlithops.sync.hosted import Hosted
    from greenlithops.sync.pool_future import PoolFuture

    Item = tuple[PoolFuture[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]

AT_ONCE = 1000  #: calls that are moved before the loop has its next turn
MANY = 8  #: calls from which a job of their own is worth it


class Feed:
    """The way of a pool's calls to its executor: a queue, and one wake-up for all that is in it."""

    def __init__(self, host: Hosted, *, show_output: bool, patient: bool) -> None:
        self.patient = patient  #: whether the end of the program waits for it
        self.broken: InitializerFailed | None = None
        self._host = host
        self._shows = show_output
        self._waiting: collections.deque[Item] = collections.deque()
        self._woken = False
        self._executor: AsyncExecutor | None = None
        #: the futures of each job's calls, by index
        self._under_way: dict[Tracker, dict[int, PoolFuture[Any]]] = {}
        self._followers: set[asyncio.Task[None]] = set()
        self._finishing: asyncio.Task[None] | None = None

    # In any thread.

    def open(self) -> None:
        """Open the executor, before the first call: at the end of the program it is too late.

        Raises:
            Exception: it cannot be opened.
        """
        if self._executor is None:
            if self._shows:
                flush()
            background().keep(self)
            self._executor = background().call_anyway(self._host.open)

    def put(self, item: Item) -> None:
        """Add a call."""
        self._waiting.append(item)
        self._wake()

    def put_all(self, items: list[Item]) -> None:
        """Add calls that belong together."""
        self._waiting.extend(items)
        if items:
            self._wake()

    def _wake(self) -> None:
        if self._woken:
            return
        try:
            self._woken = True
            background().post(self._drain)
        except BaseException:  # Ctrl-C, too: the next call must not count on a wake-up
            self._woken = False
            raise

    def let_go(self) -> None:
        """End when everything has been done; called when nothing more can come."""
        if not self._host.foreign and background().running:
            background().post(self._finish_soon)

    # On the loop.

    def _drain(self) -> None:
        self._woken = False
        waiting = self._waiting
        run: list[Item] = []  # calls of one function, which were submitted one after the other
        for _ in range(min(len(waiting), AT_ONCE)):
            item = waiting.popleft()
            if item[0]._state != PENDING:
                item[0].notify_cancelled()
                continue
            if run and item[1] is not run[0][1]:
                self._start(run)
                run = []
            run.append(item)
        if run:
            self._start(run)
        if waiting and not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._drain)

    def _start(self, run: list[Item]) -> None:
        executor = self._executor
        assert executor is not None  # noqa: S101 - it is opened before anything is put in
        function = run[0][1]
        try:
            if len(run) < MANY:
                for future, _, args, kwargs in run:
                    call: Future[Any] = executor.submit(function, *args, **kwargs)
                    self._expect(tracker_of(call), [future], call.index)
                return
            calls = [plan.call_arguments(args, kwargs) for _, _, args, kwargs in run]
            tracker = start_many(executor, function, calls)
        except Exception as error:  # noqa: BLE001 - the function cannot be pickled, most likely
            for future, *_ in run:
                if future._call is None:
                    future.fail(error)
            return
        self._expect(tracker, [future for future, *_ in run], 0)

    def _expect(self, tracker: Tracker, futures: list[PoolFuture[Any]], first: int) -> None:
        """Connect futures with the calls of a job from number `first` on."""
        group = self._under_way.get(tracker)
        if group is None:
            group = self._under_way[tracker] = {}
            task = asyncio.create_task(self._follow(tracker, group), name="a pool's calls")
            self._followers.add(task)
            task.add_done_callback(self._followers.discard)
        for index, future in enumerate(futures, first):
            group[index] = future
            future._drop = self._dropped
            future._call = Future(tracker, index)
            if future._state != PENDING:  # cancelled just now, when there was no call to drop
                self._dropped(future)

    def _dropped(self, future: PoolFuture[Any]) -> None:
        """Cancel the call of a future that its user has cancelled."""
        future.notify_cancelled()
        if future._call is not None:
            future._call.cancel()

    async def _follow(self, tracker: Tracker, group: dict[int, PoolFuture[Any]]) -> None:
        """Hand out the outcomes of one job's calls as they come."""
        place = 0
        try:
            while True:
                if self._shows:
                    await _show_logs(tracker, place)
                place = self._hand_out(tracker, group, place)
                if tracker.over:
                    break
                await tracker.news()
        except Exception as error:  # a fault of ours must not let anybody wait for ever
            for future in group.values():
                future.fail(error)
            raise
        finally:
            del self._under_way[tracker]

    def _hand_out(self, tracker: Tracker, group: dict[int, PoolFuture[Any]], place: int) -> int:
        """Hand out the outcomes from the `place`-th on; return where the next ones will be."""
        ledger = tracker.work.ledger
        done = []
        ended = ended_since(tracker, place)
        for index in ended:
            future = group.pop(index, None)
            if future is None:
                continue
            future._call = None
            if ledger.state(index) == CallState.DONE.value:
                done.append((future, ledger.take(index)))  # the future has it now
            else:
                self._failed(future, Future(tracker, index))
        finish_all(done)
        return place + len(ended)

    def _failed(self, future: PoolFuture[Any], call: Future[Any]) -> None:
        if call.cancelled():
            future.call_cancelled()
            return
        error = call.exception()
        assert error is not None  # noqa: S101 - it has neither a result nor was it cancelled
        if isinstance(error, InitializerFailed):
            self.broken = error
        future.fail(error)

    # The end.

    def _finish_soon(self) -> None:
        if self._finishing is None:
            self._finishing = asyncio.create_task(self.close(kill=False), name="end of a pool")

    def cancel_waiting(self) -> None:
        """Cancel every call that no worker has."""
        for future, *_ in list(self._waiting):
            future.cancel()
        for group in list(self._under_way.values()):
            for future in list(group.values()):
                future.cancel()

    async def close(self, *, kill: bool) -> None:
        """End the executor: when every call has ended, or at once with `kill`."""
        while self._waiting and not kill:
            self._drain()
            await asyncio.sleep(0)
        if self._followers and not kill:
            await asyncio.wait(set(self._followers))
        await self._host.close(kill=kill)
        background().release(self)


async def _show_logs(tracker: Tracker, place: int) -> None:
    """Show what calls have printed that ended since the `place`-th one, before their results."""
    logs = tracker.work.ledger.logs
    while logs and (ended := list(ended_since(tracker, place))):
        place += len(ended)
        if texts := [logs[index] for index in ended if index in logs]:
            await off_loop(show, texts)
