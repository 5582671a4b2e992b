"""Inputs that tell how far they were read."""

import asyncio


class Counted:
    """An endless iterator that counts what was taken from it."""

    def __init__(self, stop=None, fail_at=None):
        self.taken = 0
        self.closed = False
        self._stop = stop
        self._fail_at = fail_at

    def __iter__(self):
        try:
            while self._stop is None or self.taken < self._stop:
                if self.taken == self._fail_at:
                    raise LookupError("the input failed")
                self.taken += 1
                yield self.taken - 1
        finally:
            self.closed = True

    async def later(self):
        """The same, asynchronously."""
        for number in self:
            await asyncio.sleep(0)
            yield number
