"""One sampler for each event loop and meter, whoever needs it: executors, blocks, commands."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from greenlithops.energy.meters import select_meter
from greenlithops.energy.opening import find_idle
from greenlithops.energy.sampler import EnergySampler
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class _Shared:
    """The samplers of one event loop, and how many use each."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()  # so that two users do not both open one
        self.samplers: dict[str, EnergySampler] = {}
        self.users: dict[str, int] = {}


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


def _open(choice: str) -> EnergySampler:
    """Return a sampler that is ready to be entered; not on the loop.

    All in one go: each change of threads costs a millisecond on a machine that is busy.
    """
    meter, _, cpu = choice.partition("+")
    selection = select_meter(meter)
    try:
        idle = find_idle(selection)
        sampler = EnergySampler(selection, cpu_choice=cpu or "auto", publish=True, idle_watts=idle)
    except BaseException:
        selection.close()
        raise
    sampler.prepare()
    return sampler


@asynccontextmanager
async def shared_sampler(choice: str = "auto") -> AsyncIterator[EnergySampler]:
    """Use the one sampler of this event loop, opened by its first user and closed by its last.

    Args:
        choice: as for `select_meter`, or two names with a plus sign between them, such as
            ``powercap+cgroup``: the meter, and the CPU-time source as for `open_cpu_sources`. Users
            with different choices have different samplers.
    """
    shared = _shared.setdefault(asyncio.get_running_loop(), _Shared())
    async with shared.lock:
        sampler = shared.samplers.get(choice)
        if sampler is None:
            sampler = await off_loop(_open, choice, discard=EnergySampler.close)
            await sampler.__aenter__()
            shared.samplers[choice] = sampler
            shared.users[choice] = 0
        shared.users[choice] += 1
    try:
        yield sampler
    finally:
        shared.users[choice] -= 1
        if not shared.users[choice]:
            del shared.samplers[choice], shared.users[choice]
            await sampler.__aexit__(None, None, None)
