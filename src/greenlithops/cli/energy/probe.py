"""`greenlithops energy probe`: what can be told here, by what, and why not by the rest."""

from __future__ import annotations

import asyncio
import json as json_module
import os
import platform
import sys
from typing import TYPE_CHECKING, Any

from greenlithops.energy.instance import instance_of
from greenlithops.energy.kept import kept_idle
from greenlithops.energy.meters import SOURCES, Selection, select_meter
from greenlithops.energy.sampler import EnergySampler
from greenlithops.errors import UsageError
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlithops.energy.kept import KeptIdle
    from greenlithops.protocols import EnergyMeter

_RANK = {"unavailable": 0, "estimated": 1, "measured": 2}
_SETTLE = 0.2  #: seconds between two readings, from which the power is told
_PERIODS = 2  #: of the meter, at least, where it tells something seldom


def run(meter: str, *, json: bool, require: str | None) -> int:
    """Print what there is; return the exit code."""
    if require is not None and require not in {"measured", "estimated"}:
        raise UsageError(f"--require is 'measured' or 'estimated', not {require!r}")
    found = asyncio.run(look(meter))
    if json:
        sys.stdout.write(json_module.dumps(found, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_lines(found)) + "\n")
    return 0 if _RANK[found["kind"]] >= _RANK[require or "estimated"] else 1


async def look(meter: str = "auto") -> dict[str, Any]:
    """Return what there is to know of meters on this machine."""
    name, _, cpu = meter.partition("+")
    selection = await off_loop(select_meter, name, discard=Selection.close)
    idle, idle_refused = await off_loop(kept_idle, selection.meter)
    async with EnergySampler(selection, cpu_choice=cpu or "auto", idle_watts=idle) as sampler:
        chosen = selection.meter
        watts = await _watts(sampler)
        sources = sampler.cpu_sources
        instance = instance_of()
        return {
            "meter": chosen.name if chosen else None,
            "kind": chosen.kind if chosen else "unavailable",
            "reason": selection.reason,
            "domains": list(chosen.domains) if chosen else [],
            "totals": list(chosen.totals) if chosen else [],
            "bounds": list(chosen.bounds) if chosen else None,
            "update_seconds": chosen.update_period if chosen else None,
            "idle_watts": _idle(chosen, idle),
            "idle_source": sampler.timeline.idle_source if sampler.timeline else None,
            "idle_kept": idle._asdict() if idle else None,
            "idle_refused": idle_refused,
            "watts_now": watts,
            "notes": list(chosen.notes) if chosen else [],
            "refused": [{"meter": r.name, "reason": r.reason} for r in selection.refusals],
            "meters": list(SOURCES),
            "cpu_clock": sampler.cpu_source,
            "cpu_source": sources.trees.name if sources else None,
            "cpu_refused": [
                {"source": r.name, "reason": r.reason}
                for r in (sources.refusals if sources else ())
            ],
            "carbon": str(sampler.intensity) if sampler.intensity else None,
            "cpus": os.cpu_count(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "provider": instance.provider,
            "region": instance.region,
        }


def _idle(meter: EnergyMeter | None, kept: KeptIdle | None) -> dict[str, float] | None:
    watts = kept.watts if kept else meter.idle_watts if meter else None
    return {name: watts[name] for name in meter.domains} if meter and watts else None


async def _watts(sampler: EnergySampler) -> float | None:
    """Return the power of the machine, as far as the meter counts it."""
    meter, timeline = sampler.selection.meter, sampler.timeline
    if meter is None or timeline is None:
        return None
    begin = timeline.last_ns or 0
    window = sampler.open_window(observer=True)
    await asyncio.sleep(max(_SETTLE, _PERIODS * meter.update_period))
    sampler.sample()
    spans = timeline.between(begin, timeline.last_ns or begin)
    window.close()
    seconds = sum(span.end_ns - span.start_ns for span in spans) * 1e-9
    totals = [i for i, name in enumerate(meter.domains) if name in meter.totals]
    return sum(span.joules[i] for span in spans for i in totals) / seconds if seconds else None


def _idle_lines(found: dict[str, Any]) -> Iterator[str]:
    if found["idle_watts"]:
        watts = sum(found["idle_watts"][name] for name in found["totals"])
        yield f"Idle        {watts:.2f} W, {found['idle_source']}"
    elif found["kind"] == "measured":
        yield "Idle        learnt by each program; `greenlithops energy calibrate --idle` keeps it"
    if found["idle_refused"]:
        yield f"Not used    {found['idle_refused']}"


def _lines(found: dict[str, Any]) -> Iterator[str]:
    if found["meter"] is None:
        yield f"Meter       none: {found['reason']}"
    else:
        yield f"Meter       {found['meter']}, {found['kind']}"
        yield f"Domains     {', '.join(found['domains'])} (sum: {' + '.join(found['totals'])})"
        low, high = found["bounds"]
        yield f"Bounds      of energy above idle: {low:.2f} to {high:.2f} of the figure"
    if found["watts_now"] is not None:
        yield f"Power now   {found['watts_now']:.2f} W"
    yield from _idle_lines(found)
    for note in found["notes"]:
        yield f"Note        {note}"
    for refusal in found["refused"]:
        yield f"Not used    {refusal['meter']}: {refusal['reason']}"
    if found["cpu_source"] is not None:
        yield f"CPU time    {found['cpu_source']}; of the whole machine: {found['cpu_clock']}"
    for refusal in found["cpu_refused"]:
        yield f"Not used    {refusal['source']}: {refusal['reason']}"
    if found["carbon"]:
        yield f"Carbon      {found['carbon']}"
    yield f"Machine     {found['cpus']} CPUs, {found['system']}"
    if found["provider"]:
        yield f"Cloud       {found['provider']}, {found['region'] or 'unknown region'}"
