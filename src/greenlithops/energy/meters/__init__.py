"""The sources of energy figures, and the choice among them; a source is imported when tried."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from greenlithops.protocols import EnergyMeter

#: The sources in the order in which ``auto`` tries them; each is a module here with ``open_meter``.
SOURCES = ("perf", "powercap", "emi", "node", "prometheus", "powerapi", "calibrated", "model")

#: Those that are taken by name only, since they do not count the whole machine.
BY_NAME = ("nvml",)


#: Environment variable that says where sysfs is, if not at ``/sys``: the host's, in a container.
SYSFS = "GREENLITHOPS_SYSFS"


def sysfs() -> str:
    """Return where sysfs is mounted."""
    return os.environ.get(SYSFS, "/sys").rstrip("/")


class MeterRefused(Exception):
    """A source cannot be used on this machine; the text says why, and what would help."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A source that was tried, and why it cannot be used here."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Selection:
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
        try:
            return Selection(choice, _open(name), tuple(refusals))
        except MeterRefused as refused:
            refusals.append(Refusal(name, str(refused)))
    if choice != "auto":
        raise ConfigurationError(f"The energy meter {refusals[0]}")
    return Selection(choice, None, tuple(refusals))


def _open(name: str) -> EnergyMeter:
    meter: EnergyMeter = import_module(f"{__name__}.{name}").open_meter()
    return meter


def _nearest(choice: str) -> str:
    import difflib  # noqa: PLC0415 - only for the text of an error

    known = ("auto", "off", *SOURCES, *BY_NAME)
    near = difflib.get_close_matches(choice, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{hint} Known are {', '.join(known)}."
