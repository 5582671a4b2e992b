"""One sampler for each event loop and meter, whoever needs it: executors, blocks, commands."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from greenlithops.energy.meters import Selection, select_meter
from greenlithops.energy.opening import find_idle
from greenlithops.energy.sampler import EnergySampler
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from greenlithops.energy.kept import KeptIdle


class _Shared:
    """The samplers of one event loop, and how many use each."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()  # so that two users do not both open one
        self.samplers: dict[str, EnergySampler] = {}
        self.users: dict[str, int] = {}


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


def _select(meter: str) -> tuple[Selection, KeptIdle | None]:
    selection = select_meter(meter)
    return selection, find_idle(selection)


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
            meter, _, cpu = choice.partition("+")
            selection, idle = await off_loop(_select, meter, discard=lambda found: found[0].close())
            try:
                sampler = EnergySampler(
                    selection, cpu_choice=cpu or "auto", publish=True, idle_watts=idle
                )
                await sampler.__aenter__()
            except BaseException:
                selection.close()
                raise
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
