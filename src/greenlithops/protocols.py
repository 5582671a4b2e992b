"""The capabilities that the core asks of its parts: small protocols, one for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

EnergyKind = Literal["measured", "estimated"]


class EnergyMeter(Protocol):
    """Answers how much energy the machine has burned since some moment in the past.

    Reading must be cheap (tens of microseconds), must not block, and must never go backwards:
    a meter deals with wraparound of its counters itself. A meter that has lost all its counters
    raises `OSError`; one that has lost some of them goes on, and says so in `notes`.
    """

    name: str  #: the method's name, as it appears in every record: ``powercap``, ``model`` …
    kind: EnergyKind  #: whether its joules are read from hardware or computed from coefficients
    domains: tuple[str, ...]  #: the keys of what `read` returns
    totals: tuple[str, ...]  #: the domains that add up to the machine; the others lie within them
    update_period: float  #: seconds between two updates of the underlying counters
    max_interval: float  #: seconds within which it must be read, lest a counter wraps unseen
    bounds: tuple[float, float]  #: what the true joules are at least and at most, as factors
    idle_watts: Mapping[str, float] | None  #: by domain, if known beforehand; else None
    notes: tuple[str, ...]  #: what the reader of its figures must know

    def read(self) -> Mapping[str, float]:
        """Return cumulative joules by domain (``package``, ``dram``, …)."""
        ...

    def close(self) -> None:
        """Release file descriptors."""
        ...
