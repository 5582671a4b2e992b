"""What calls cost in joules: meters, attribution, carbon. Importing it imports none of them.

The parts, from the hardware up:

    meters/         how much did the machine burn? one module for each source, and their selection
    cpu_time.py     how long was the machine busy?
    idle.py         how much would it have burned anyway?
    timeline.py     what the meter said, as intervals
    attribution.py  who burned it? a pure function of intervals and calls
    sampler.py      reads the meter on a timer, one for each event loop
    window.py       the calls of one job, and what they cost
    carbon.py       grams of CO2 equivalent for joules and hardware; live.py: intensity as it is now
    schedule.py     when to start for least carbon
    cost.py         money, by public price tables
    instance.py     which cloud, region and machine this is
    blocks.py       blocks and functions of the program's own; clocks.py, host.py: what they need
    records.py      the figures, as users see them
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from greenlithops.energy.blocks import Measurement as Measurement
    from greenlithops.energy.blocks import measure as measure
    from greenlithops.energy.blocks import measured as measured
    from greenlithops.energy.carbon import CarbonIntensity as CarbonIntensity
    from greenlithops.energy.carbon import carbon_intensity as carbon_intensity
    from greenlithops.energy.carbon import embodied_grams as embodied_grams
    from greenlithops.energy.carbon import grams_co2e as grams_co2e
    from greenlithops.energy.carbon import pue_of as pue_of
    from greenlithops.energy.cost import Bill as Bill
    from greenlithops.energy.cost import Tariff as Tariff
    from greenlithops.energy.cost import price as price
    from greenlithops.energy.cost import usage as usage
    from greenlithops.energy.instance import Instance as Instance
    from greenlithops.energy.instance import ask_instance as ask_instance
    from greenlithops.energy.instance import instance_of as instance_of
    from greenlithops.energy.live import CarbonIntensityUK as CarbonIntensityUK
    from greenlithops.energy.live import ElectricityMaps as ElectricityMaps
    from greenlithops.energy.live import IntensityPeriod as IntensityPeriod
    from greenlithops.energy.live import IntensitySource as IntensitySource
    from greenlithops.energy.meters import Refusal as Refusal
    from greenlithops.energy.meters import Selection as Selection
    from greenlithops.energy.meters import select_meter as select_meter
    from greenlithops.energy.records import CallEnergy as CallEnergy
    from greenlithops.energy.records import EnergyReport as EnergyReport
    from greenlithops.energy.sampler import EnergySampler as EnergySampler
    from greenlithops.energy.sampler import shared_sampler as shared_sampler
    from greenlithops.energy.schedule import Start as Start
    from greenlithops.energy.schedule import best_start as best_start
    from greenlithops.energy.schedule import wait_for_low_carbon as wait_for_low_carbon
    from greenlithops.energy.window import EnergyWindow as EnergyWindow

_HOMES = {
    "Bill": "cost",
    "CallEnergy": "records",
    "CarbonIntensity": "carbon",
    "CarbonIntensityUK": "live",
    "ElectricityMaps": "live",
    "EnergyReport": "records",
    "EnergySampler": "sampler",
    "EnergyWindow": "window",
    "Instance": "instance",
    "IntensityPeriod": "live",
    "IntensitySource": "live",
    "Measurement": "blocks",
    "Refusal": "meters",
    "Selection": "meters",
    "Start": "schedule",
    "Tariff": "cost",
    "ask_instance": "instance",
    "best_start": "schedule",
    "carbon_intensity": "carbon",
    "embodied_grams": "carbon",
    "grams_co2e": "carbon",
    "instance_of": "instance",
    "measure": "blocks",
    "measured": "blocks",
    "price": "cost",
    "pue_of": "carbon",
    "select_meter": "meters",
    "shared_sampler": "sampler",
    "usage": "cost",
    "wait_for_low_carbon": "schedule",
}

__all__ = [  # noqa: PLE0604, RUF100 - the names are the keys of the table above
    "Bill",
    "CallEnergy",
    "CarbonIntensity",
    "CarbonIntensityUK",
    "ElectricityMaps",
    "EnergyReport",
    "EnergySampler",
    "EnergyWindow",
    "Instance",
    "IntensityPeriod",
    "IntensitySource",
    "Measurement",
    "Refusal",
    "Selection",
    "Start",
    "Tariff",
    "ask_instance",
    "best_start",
    "carbon_intensity",
    "embodied_grams",
    "grams_co2e",
    "instance_of",
    "measure",
    "measured",
    "price",
    "pue_of",
    "select_meter",
    "shared_sampler",
    "usage",
    "wait_for_low_carbon",
]


def __getattr__(name: str) -> object:
    """Import the module that a public name lives in when the name is first used."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only on first use

    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
