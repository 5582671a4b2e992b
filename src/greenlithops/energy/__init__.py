"""What calls cost in joules: meters, attribution, carbon. Importing it imports none of them.

The parts, from the hardware up:

    meters/         how much did the machine burn? one module for each source, and their selection
    cpu_time.py     how long was the machine busy?
    idle.py         how much would it have burned anyway?
    timeline.py     what the meter said, as intervals
    attribution.py  who burned it? a pure function of intervals and calls
    sampler.py      reads the meter on a timer, one for each event loop
    window.py       the calls of one job, and what they cost
    carbon.py       grams of CO2 equivalent for joules
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
    from greenlithops.energy.meters import Refusal as Refusal
    from greenlithops.energy.meters import Selection as Selection
    from greenlithops.energy.meters import select_meter as select_meter
    from greenlithops.energy.records import CallEnergy as CallEnergy
    from greenlithops.energy.records import EnergyReport as EnergyReport
    from greenlithops.energy.sampler import EnergySampler as EnergySampler
    from greenlithops.energy.sampler import shared_sampler as shared_sampler
    from greenlithops.energy.window import EnergyWindow as EnergyWindow

_HOMES = {
    "CallEnergy": "records",
    "CarbonIntensity": "carbon",
    "EnergyReport": "records",
    "EnergySampler": "sampler",
    "EnergyWindow": "window",
    "Measurement": "blocks",
    "Refusal": "meters",
    "Selection": "meters",
    "carbon_intensity": "carbon",
    "measure": "blocks",
    "measured": "blocks",
    "select_meter": "meters",
    "shared_sampler": "sampler",
}

__all__ = [  # noqa: PLE0604, RUF100 - the names are the keys of the table above
    "CallEnergy",
    "CarbonIntensity",
    "EnergyReport",
    "EnergySampler",
    "EnergyWindow",
    "Measurement",
    "Refusal",
    "Selection",
    "carbon_intensity",
    "measure",
    "measured",
    "select_meter",
    "shared_sampler",
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
