"""The capabilities that the core asks of its parts: small protocols, one for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

EnergyKind = Literal["measured", "estimated"]


class EnergyMeter(Protocol):
    """Answers how much energy the machine has burned since some moment in the past.

    Reading must be cheap (tens of microseconds), must not block, and must never go backwards:
    a meter deals with wraparound of its counters itself.
    """

    name: str  #: the method's name, as it appears in every record: ``powercap``, ``model`` …
    kind: EnergyKind  #: whether its joules are read from hardware or computed from coefficients
    update_period: float  #: seconds between two updates of the underlying counters

    def read(self) -> Mapping[str, float]:
        """Return cumulative joules by domain (``package``, ``dram``, …)."""
        ...

    def close(self) -> None:
        """Release file descriptors."""
        ...
