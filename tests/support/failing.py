"""Functions that fail, in every way in which an exception can be hard to carry."""

import asyncio
import dataclasses
import threading


class Plain(Exception):
    """An exception of the user's own."""


class TwoArguments(Exception):
    """Its constructor wants other arguments than `args`."""

    def __init__(self, left, right):
        super().__init__(f"{left}-{right}")
        self.right = right


class Prefixed(LookupError):
    """Its constructor would change `args` a second time."""

    def __init__(self, code, *, right=None):
        super().__init__(f"code {code}")
        self.right = right


@dataclasses.dataclass
class Described(Exception):
    """Its `args` are not what it was made of."""

    right: int


class FileOfTwo(OSError):
    """Cannot be rebuilt from `args`: its constructor wants two, and gives three on."""

    def __init__(self, left, right):
        super().__init__(2, left, right)


class BrokenReduce(Exception):
    """Cannot be pickled."""

    def __reduce__(self):
        raise ValueError("no way to reduce")


class BadReduce(Exception):
    """Reduces to nonsense."""

    def __reduce__(self):
        return 17


class Impostor(Exception):
    """Comes back as something that is no exception."""

    def __reduce__(self):
        return str, ("not an exception",)


class BrokenText(Exception):
    """Cannot be shown."""

    def __str__(self):
        raise ValueError("no text")

    __repr__ = __str__


class WithLock(Exception):
    """Holds what cannot be pickled."""

    def __init__(self, text):
        super().__init__(text)
        self.lock = threading.Lock()


class Frozen(Exception):
    """Takes no attributes, not even notes."""

    def __setattr__(self, name, value):
        raise AttributeError("frozen")


class TextExits(Exception):
    """Ends the program when it is shown."""

    def __str__(self):
        raise SystemExit(9)


class RebuildExits(Exception):
    """Ends the program that rebuilds it."""

    def __reduce__(self):
        return exit_now, ()


def exit_now():
    raise SystemExit(7)


def square(number):
    return number * number


def fail(make):
    """Raise what `make` makes; return a square where it is a number."""
    if isinstance(make, int):
        return square(make)
    raise make()


async def fail_async(make):
    """As `fail`, from a coroutine."""
    await asyncio.sleep(0)
    return fail(make)


async def fail_in_task(make):
    """As `fail`, in a task of the coroutine's own."""
    return await asyncio.create_task(fail_async(make))
