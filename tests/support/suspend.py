"""Cancels a coroutine at its n-th suspension, for every n: the systematic way to find leaks."""

import asyncio


class CancelledAt:
    """Runs a coroutine and cancels its task at given suspensions."""

    def __init__(self, coroutine, *moments):
        self._coroutine = coroutine
        self._moments = moments
        self.suspensions = 0

    def __await__(self):
        task = asyncio.current_task()
        steps = self._coroutine.__await__()
        send, value = steps.send, None
        while True:
            try:
                waits_for = send(value)
            except StopIteration as stop:
                return stop.value
            self.suspensions += 1
            if self.suspensions in self._moments:
                task.cancel()
            try:
                send, value = steps.send, (yield waits_for)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is passed on
                send, value = steps.throw, error


async def run(coroutine, *moments, seconds=10):
    """Run a coroutine to its end with cancellations; return how often it was suspended.

    Returns None when it ended by a cancellation.
    """
    driven = CancelledAt(coroutine, *moments)

    async def main():
        return await driven

    task = asyncio.create_task(main())
    done, _ = await asyncio.wait([task], timeout=seconds)
    if not done:
        where = task.get_stack()
        task.cancel()
        raise AssertionError(f"cancelled at suspension {moments}, it hung: {where}")
    if task.cancelled():
        return None
    task.result()
    return driven.suspensions
