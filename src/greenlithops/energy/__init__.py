"""What calls cost in joules: meters, attribution, carbon. Importing it imports none of them.

The parts, from the hardware up:

    meters/         how much did the machine burn? one module for each source, and their selection
    cpu_time/       who used the CPUs, and how long: the machine, and trees of processes
    idle.py         how much would it have burned anyway?
    timeline.py     what the meter said, as intervals
    attribution.py  who burned it? a pure function of intervals and calls
    sampler.py      reads the meter on a timer; sharing.py: one for each event loop
    window.py       the calls of one job, and what they cost; bounds.py: how sure that is
    carbon.py       grams of CO2 equivalent for joules and hardware; live.py: intensity as it is now
    schedule.py     when to start for least carbon
    cost.py         money, by public price tables
    instance.py     which cloud, region and machine this is
    blocks.py       blocks of the program's own; functions.py: its functions; clocks.py, host.py
    log.py          the figures as lines of a file; export.py: as CSV and for Prometheus and OTLP
    trace.py        the machine's power over time; plots.py, report.py: pictures and a page of it
    calibration.py  idle and dynamic watts, against an external meter
    adviser.py      which workers, chunks and memory use least; plans.py, fitting.py: from trials
    records.py      the figures, as users see them
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from greenlithops.energy.adviser import Advice as Advice
    from greenlithops.energy.adviser import Prediction as Prediction
    from greenlithops.energy.adviser import advise as advise
    from greenlithops.energy.blocks import Measurement as Measurement
    from greenlithops.energy.blocks import measure as measure
    from greenlithops.energy.calibration import Calibration as Calibration
    from greenlithops.energy.calibration import calibrate as calibrate
    from greenlithops.energy.calibration import read_meter_csv as read_meter_csv
    from greenlithops.energy.carbon import CarbonIntensity as CarbonIntensity
    from greenlithops.energy.carbon import carbon_intensity as carbon_intensity
    from greenlithops.energy.carbon import embodied_grams as embodied_grams
    from greenlithops.energy.carbon import grams_co2e as grams_co2e
    from greenlithops.energy.carbon import pue_of as pue_of
    from greenlithops.energy.cost import Bill as Bill
    from greenlithops.energy.cost import Tariff as Tariff
    from greenlithops.energy.cost import price as price
    from greenlithops.energy.cost import usage as usage
    from greenlithops.energy.export import OpenTelemetryExporter as OpenTelemetryExporter
    from greenlithops.energy.export import PrometheusExporter as PrometheusExporter
    from greenlithops.energy.export import write_csv as write_csv
    from greenlithops.energy.functions import measured as measured
    from greenlithops.energy.instance import Instance as Instance
    from greenlithops.energy.instance import ask_instance as ask_instance
    from greenlithops.energy.instance import instance_of as instance_of
    from greenlithops.energy.live import CarbonIntensityUK as CarbonIntensityUK
    from greenlithops.energy.live import ElectricityMaps as ElectricityMaps
    from greenlithops.energy.live import IntensityPeriod as IntensityPeriod
    from greenlithops.energy.live import IntensitySource as IntensitySource
    from greenlithops.energy.log import EnergyLog as EnergyLog
    from greenlithops.energy.log import LogRecord as LogRecord
    from greenlithops.energy.log import read_logs as read_logs
    from greenlithops.energy.log import record_of_block as record_of_block
    from greenlithops.energy.log import record_of_call as record_of_call
    from greenlithops.energy.log import record_of_report as record_of_report
    from greenlithops.energy.meters import Refusal as Refusal
    from greenlithops.energy.meters import Selection as Selection
    from greenlithops.energy.meters import select_meter as select_meter
    from greenlithops.energy.plans import Plan as Plan
    from greenlithops.energy.plans import Trial as Trial
    from greenlithops.energy.records import CallEnergy as CallEnergy
    from greenlithops.energy.records import EnergyReport as EnergyReport
    from greenlithops.energy.report import html_report as html_report
    from greenlithops.energy.report import summarize as summarize
    from greenlithops.energy.sampler import EnergySampler as EnergySampler
    from greenlithops.energy.schedule import Start as Start
    from greenlithops.energy.schedule import best_start as best_start
    from greenlithops.energy.schedule import wait_for_low_carbon as wait_for_low_carbon
    from greenlithops.energy.sharing import shared_sampler as shared_sampler
    from greenlithops.energy.trace import PowerSample as PowerSample
    from greenlithops.energy.trace import PowerTrace as PowerTrace
    from greenlithops.energy.window import EnergyWindow as EnergyWindow

_HOMES = {
    "Advice": "adviser",
    "Bill": "cost",
    "Calibration": "calibration",
    "CallEnergy": "records",
    "CarbonIntensity": "carbon",
    "CarbonIntensityUK": "live",
    "ElectricityMaps": "live",
    "EnergyLog": "log",
    "EnergyReport": "records",
    "EnergySampler": "sampler",
    "EnergyWindow": "window",
    "Instance": "instance",
    "IntensityPeriod": "live",
    "IntensitySource": "live",
    "LogRecord": "log",
    "Measurement": "blocks",
    "OpenTelemetryExporter": "export",
    "Plan": "plans",
    "PowerSample": "trace",
    "PowerTrace": "trace",
    "Prediction": "adviser",
    "PrometheusExporter": "export",
    "Refusal": "meters",
    "Selection": "meters",
    "Start": "schedule",
    "Tariff": "cost",
    "Trial": "plans",
    "advise": "adviser",
    "ask_instance": "instance",
    "best_start": "schedule",
    "calibrate": "calibration",
    "carbon_intensity": "carbon",
    "embodied_grams": "carbon",
    "grams_co2e": "carbon",
    "html_report": "report",
    "instance_of": "instance",
    "measure": "blocks",
    "measured": "functions",
    "price": "cost",
    "pue_of": "carbon",
    "read_logs": "log",
    "read_meter_csv": "calibration",
    "record_of_block": "log",
    "record_of_call": "log",
    "record_of_report": "log",
    "select_meter": "meters",
    "shared_sampler": "sharing",
    "summarize": "report",
    "usage": "cost",
    "wait_for_low_carbon": "schedule",
    "write_csv": "export",
}

__all__ = [  # noqa: PLE0604, RUF100 - the names are the keys of the table above
    "Advice",
    "Bill",
    "Calibration",
    "CallEnergy",
    "CarbonIntensity",
    "CarbonIntensityUK",
    "ElectricityMaps",
    "EnergyLog",
    "EnergyReport",
    "EnergySampler",
    "EnergyWindow",
    "Instance",
    "IntensityPeriod",
    "IntensitySource",
    "LogRecord",
    "Measurement",
    "OpenTelemetryExporter",
    "Plan",
    "PowerSample",
    "PowerTrace",
    "Prediction",
    "PrometheusExporter",
    "Refusal",
    "Selection",
    "Start",
    "Tariff",
    "Trial",
    "advise",
    "ask_instance",
    "best_start",
    "calibrate",
    "carbon_intensity",
    "embodied_grams",
    "grams_co2e",
    "html_report",
    "instance_of",
    "measure",
    "measured",
    "price",
    "pue_of",
    "read_logs",
    "read_meter_csv",
    "record_of_block",
    "record_of_call",
    "record_of_report",
    "select_meter",
    "shared_sampler",
    "summarize",
    "usage",
    "wait_for_low_carbon",
    "write_csv",
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
