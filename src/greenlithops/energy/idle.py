"""What the machine would have burned anyway, learnt from how its power follows its load."""

from __future__ import annotations

_MIN_SPAN_NS = 50_000_000  # counters that step each millisecond blur shorter spans by over 4 %
_MEMORY = 0.998  # the weight of a span when the next comes: half after 350 spans, 35 s at 10 Hz
_IDLE_LOAD = 0.05  # below this load, power is idle power
_MIN_SPREAD = 0.01  # variance of load (0 to 1) from which a line through the spans means something
_MIN_SPANS = 4


class IdleFit:
    """Fits ``watts = idle + slope * load`` to each domain, and answers with the intercepts.

    Old spans fade, since idle power follows temperature and frequency policy. No answer is given
    before the load has varied enough (or the machine has been seen idle): a guess would be passed
    off as a measurement.

    Args:
        domains: how many domains a span has.
        cpus: hardware threads of the machine, whose full use is a load of 1.
    """

    def __init__(self, domains: int, cpus: int) -> None:
        self._cpus = cpus
        self._weight = self._load = self._load2 = 0.0
        self._watts = [0.0] * domains
        self._cross = [0.0] * domains
        self._least = [float("inf")] * domains
        self._spans = 0
        self._before: tuple[int, tuple[float, ...], int] | None = None

    def see(self, now_ns: int, joules: tuple[float, ...], busy_ns: int) -> None:
        """Learn from a sample of the cumulative counters: joules by domain, and CPU time.

        Samples that are too near to the one that was last learnt from are passed over.
        """
        before = self._before
        if before is not None and now_ns - before[0] < _MIN_SPAN_NS:
            return
        self._before = (now_ns, joules, busy_ns)
        if before is not None:
            span = [max(0.0, b - a) for a, b in zip(before[1], joules, strict=True)]
            self._learn(now_ns - before[0], span, max(0, busy_ns - before[2]))

    def _learn(self, span_ns: int, joules: list[float], busy_ns: int) -> None:
        load = min(1.0, busy_ns / (span_ns * self._cpus))
        self._spans += 1
        self._weight = self._weight * _MEMORY + 1.0
        self._load = self._load * _MEMORY + load
        self._load2 = self._load2 * _MEMORY + load * load
        for i, energy in enumerate(joules):
            watts = energy * 1e9 / span_ns
            self._watts[i] = self._watts[i] * _MEMORY + watts
            self._cross[i] = self._cross[i] * _MEMORY + watts * load
            # The floor rises slowly, to forget a span in which a counter was late.
            self._least[i] = min(self._least[i] * 1.001, watts)

    @property
    def watts(self) -> tuple[float, ...] | None:
        """Idle watts by domain, or None while they cannot be told."""
        if self._spans < 2:  # noqa: PLR2004 - one span may have begun with a late counter
            return None
        load = self._load / self._weight
        spread = self._load2 / self._weight - load * load
        if spread >= _MIN_SPREAD and self._spans >= _MIN_SPANS:
            return tuple(self._intercept(i, load, spread) for i in range(len(self._watts)))
        if load < _IDLE_LOAD:
            return tuple(self._least)
        return None

    def _intercept(self, i: int, load: float, spread: float) -> float:
        mean = self._watts[i] / self._weight
        slope = max(0.0, (self._cross[i] / self._weight - load * mean) / spread)
        return max(0.0, min(mean - slope * load, self._least[i]))
