"""The sources of energy figures, and the choice among them; a source is imported when tried."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlithops.protocols import EnergyMeter

#: The sources in the order in which ``auto`` tries them; each is a module here with ``open_meter``.
SOURCES = ("perf", "powercap", "emi", "node", "prometheus", "powerapi", "calibrated", "model")

#: Those that are taken by name only, since they do not count the whole machine.
BY_NAME = ("nvml",)


#: What must be set for these.
_VARIABLES = {
    "prometheus": "GREENLITHOPS_PROMETHEUS",
    "powerapi": "GREENLITHOPS_POWERAPI",
    "calibrated": "GREENLITHOPS_CALIBRATION",
}

#: Environment variable that says where sysfs is, if not at ``/sys``: the host's, in a container.
SYSFS = "GREENLITHOPS_SYSFS"


def sysfs() -> str:
    """Return where sysfs is mounted."""
    return os.environ.get(SYSFS, "/sys").rstrip("/")


class MeterRefused(Exception):
    """A source cannot be used on this machine; the text says why, and what would help."""


class Refusal(NamedTuple):
    """A source that was tried, and why it cannot be used here."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class Selection(NamedTuple):
    """The meter that was chosen, and what was tried before it.

    Attributes:
        choice: what was asked for.
        meter: the meter, to be closed by its user; None when there is none.
        refusals: the sources tried in vain, in order.
    """

    choice: str
    meter: EnergyMeter | None
    refusals: tuple[Refusal, ...] = ()

    @property
    def reason(self) -> str | None:
        """Why there is no meter, or None when there is one."""
        if self.meter is not None:
            return None
        if self.choice == "off":
            return "energy is switched off"
        return "; ".join(map(str, self.refusals)) or "there is no energy meter"

    def close(self) -> None:
        """Close the meter."""
        if self.meter is not None:
            self.meter.close()


def select_meter(choice: str = "auto") -> Selection:
    """Choose where energy figures come from.

    Args:
        choice: ``auto`` for the best source that this machine allows, the name of a source to
            insist on it (``perf``, ``powercap``, ``emi``, ``node``, ``prometheus``, ``powerapi``,
            ``calibrated``, ``model``, ``nvml``), ``off`` for none.

    Raises:
        ConfigurationError: the source is unknown, or was named and cannot be used here.
    """
    if choice == "off":
        return Selection(choice, None)
    if choice != "auto" and choice not in (*SOURCES, *BY_NAME):
        raise ConfigurationError(f"There is no energy meter {choice!r}.{_nearest(choice)}")
    refusals: list[Refusal] = []
    for name in SOURCES if choice == "auto" else (choice,):
        if choice == "auto" and (reason := _plainly_absent(name)):
            refusals.append(Refusal(name, reason))
            continue
        try:
            return Selection(choice, _open(name), tuple(refusals))
        except (MeterRefused, OSError, ValueError, ImportError) as refused:
            refusals.append(Refusal(name, str(refused) or type(refused).__name__))
    if choice != "auto":
        raise ConfigurationError(f"The energy meter {refusals[0]}")
    return Selection(choice, None, tuple(refusals))


def _plainly_absent(name: str) -> str | None:
    """Say why a source is not there, where one look tells: importing them all takes 50 ms."""
    if (variable := _VARIABLES.get(name)) and not os.environ.get(variable):
        return f"{variable} is not set"
    if name == "emi" and sys.platform != "win32":
        return "the Energy Meter Interface is Windows' own"
    if name == "perf":
        pmus = f"{sysfs()}/bus/event_source/devices"
        if not any(os.path.isdir(f"{pmus}/{pmu}") for pmu in ("power", "power_core")):
            return f"there is no {pmus}/power: a virtual machine, or intel_rapl_perf is not loaded"
    if name == "node" and sysfs() == "/sys" and not any(map(os.path.exists, _pages())):
        return "no process of this node reads a meter"
    return None


def _pages() -> Iterator[str]:
    """Give where a node's page may be; whoever opens it looks whom it belongs to."""
    given = os.environ.get("GREENLITHOPS_RUNTIME_DIR")
    shared = os.environ.get("XDG_RUNTIME_DIR")
    for folder in (given, f"{shared}/greenlithops", f"/tmp/greenlithops-{os.geteuid()}"):  # noqa: S108 - only a look
        yield f"{folder}/meter.page"


def _open(name: str) -> EnergyMeter:
    meter: EnergyMeter = import_module(f"{__name__}.{name}").open_meter()
    return meter


def _nearest(choice: str) -> str:
    import difflib  # noqa: PLC0415 - only for the text of an error

    known = ("auto", "off", *SOURCES, *BY_NAME)
    near = difflib.get_close_matches(choice, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{hint} Known are {', '.join(known)}."
