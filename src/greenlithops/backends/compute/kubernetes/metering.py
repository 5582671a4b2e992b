"""What the calls of a pod cost, where its node has a meter: the pod's part, divided among them.

The node's meter is the page that the DaemonSet tells, or counters that the pod mounts itself. The
control group of the pod's workers says how much of the node's CPU time was theirs; the agent reads
both, since it lives on when a call kills its process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from array import array
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from greenlithops.energy.cpu_time.machine import open_cpu_clock
from greenlithops.energy.group import GroupClock, GroupMeter
from greenlithops.energy.meters import Selection, select_meter
from greenlithops.energy.opening import find_idle
from greenlithops.energy.sampler import EnergySampler
from greenlithops.models import CallJoules
from greenlithops.offload import off_loop
from greenlithops.worker import invocation
from greenlithops.worker.journal import FIELDS

if TYPE_CHECKING:
    from greenlithops.energy.window import EnergyWindow

AGAIN_SECONDS = 5.0  #: after which a node that had no meter, or lost it, is asked again

_log = logging.getLogger("greenlithops.agent")


class Metering:
    """Figures of a pod's calls.

    Args:
        key: what messages are authenticated with.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._sampler: EnergySampler | None = None
        self._open = AsyncExitStack()
        self._tried = float("-inf")
        self._lock = asyncio.Lock()

    async def begin(self) -> EnergyWindow | None:
        """Return what is to be told of an invocation that begins; None if there is no meter."""
        async with self._lock:
            if self._sampler is not None and self._sampler.failure:
                _log.warning("the node's meter is lost: %s", self._sampler.failure)
                await self.close()
            if self._sampler is None and time.monotonic() - self._tried > AGAIN_SECONDS:
                self._tried = time.monotonic()
                selection = await off_loop(pod_meter, discard=Selection.close)
                if selection.meter is None:
                    _log.warning("calls are not measured here: %s", selection.reason)
                    return None
                sampler = EnergySampler(selection, clock=GroupClock())
                self._sampler = await self._open.enter_async_context(sampler)
        return self._sampler.open_window() if self._sampler is not None else None

    def end(self, window: EnergyWindow, reply: bytes | None) -> dict[str, Any]:
        """Return what a reply says besides about its calls' energy, as `nodes.told` reads it.

        Args:
            window: what was told of the invocation.
            reply: the message; None if there is none.
        """
        window.advance(None)
        try:
            return self._figures(window, reply) if reply is not None else {}
        finally:
            window.close()

    def _figures(self, window: EnergyWindow, reply: bytes) -> dict[str, Any]:
        content, _ = invocation.unpack(self._key, invocation.REPLY, reply)
        if content[0] != invocation.OUTCOMES:
            return {}
        times = array("q", content[6])
        count = len(content[4])
        width = len(times) // count if count else FIELDS
        offset = time.time_ns() - time.monotonic_ns()
        starts = array("q", (start - offset for start in times[0::width]))
        wall = times[1::width]
        ends = array("q", (start + took for start, took in zip(starts, wall, strict=True)))
        window.add(starts, ends, times[2::width])
        records = [window.call(index) for index in range(count)]
        known = [
            CallJoules(
                record.joules, record.joules_low, record.joules_high, record.coverage,
                dict(record.domains),
            )
            if record.joules is not None
            else None
            for record in records
        ]  # fmt: skip
        if not any(known):
            return {}
        reason = next((record.reason for record in records if record.reason), None)
        calls = [asdict(one) if one is not None else None for one in known]
        return {"energy": {"method": records[0].method, "reason": reason, "calls": calls}}

    async def close(self) -> None:
        """Let go of the meter."""
        self._sampler = None
        await self._open.aclose()


def pod_meter() -> Selection:
    """Return this pod's part of the node's meter; without a meter it says why there is none."""
    selection = select_meter("auto")
    if selection.meter is None or selection.meter.kind != "measured":
        selection.close()
        return Selection(selection.choice, None, selection.refusals)
    try:
        idle = find_idle(selection)
        meter = GroupMeter(selection.meter, open_cpu_clock(), GroupClock(), idle_watts=idle)
    except BaseException:
        selection.close()
        raise
    return Selection(selection.choice, meter, selection.refusals)
