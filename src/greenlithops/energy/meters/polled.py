"""Meters that answer slowly: a thread asks them, and the sampler takes the latest answer.

Answers come seconds apart. Between two of them the power is taken to be what it was between the
last two; the next answer sets that right. So what a figure may be off by is the energy of one
period, which its bounds say.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from greenlithops.energy.meters import MeterRefused
from greenlithops.energy.meters.domains import counted, totals

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE = 5  # answers in a row that may be missing
_TRUSTED = 2.0  # periods for which the power is believed to go on as it was


class Source(Protocol):
    """Something that tells joules when asked."""

    name: str  #: the method's name in records

    def ask(self) -> Mapping[str, float] | None:
        """Return cumulative joules by domain, or None when there is nothing new.

        May block for a few seconds.

        Raises:
            OSError: there is no answer.
            ValueError: the answer has no joules in it.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds; may be called while another thread asks."""
        ...


class PolledMeter:
    """Asks a source in a thread.

    Args:
        source: what is asked; closed with the meter.
        period: seconds between two questions.

    Raises:
        MeterRefused: the first question is not answered.
    """

    kind = "measured"
    bounds = (1.0, 1.0)
    max_interval = float("inf")
    idle_watts: Mapping[str, float] | None = None

    def __init__(self, source: Source, *, period: float) -> None:
        self._source = source
        self._period = period
        try:
            first = source.ask()
        except (OSError, ValueError) as error:
            source.close()
            raise MeterRefused(str(error)) from error
        self.domains = counted(first or ())
        if not first or not self.domains:
            source.close()
            raise MeterRefused(f"{source.name} tells nothing of the whole machine")
        self.name = source.name
        self.totals = totals(self.domains)
        self.update_period = period
        self.notes: tuple[str, ...] = ()
        self._raw = {domain: first[domain] for domain in self.domains}
        nothing = dict.fromkeys(self.domains, 0.0)
        self._told = nothing
        #: the latest answer, the power since the one before, and when it came
        self._state = (nothing, nothing, time.monotonic())
        self._failures = 0
        self._failure = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"greenlithops-{source.name}", daemon=True
        )
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._period):
            try:
                answer = self._source.ask()
            except (OSError, ValueError) as error:
                self._failures += 1
                self._failure = str(error)
                continue
            self._failures = 0
            if answer is not None:
                self._take(answer)

    def _take(self, answer: Mapping[str, float]) -> None:
        before_joules, _, asked = self._state
        now = time.monotonic()
        joules = dict(before_joules)
        for domain, before in self._raw.items():
            told = answer.get(domain, before)
            if told < before:  # the exporter began anew: what it missed is not known
                self.notes = (f"{self.name} was started anew meanwhile",)
            joules[domain] += max(0.0, told - before)
            self._raw[domain] = told
        span = max(now - asked, self._period / 2)
        watts = {domain: (joules[domain] - before_joules[domain]) / span for domain in joules}
        self._state = (joules, watts, now)

    def read(self) -> Mapping[str, float]:
        """Return joules by domain since the meter was opened.

        Raises:
            OSError: there has been no answer for too long.
        """
        if self._failures >= _PATIENCE:
            raise OSError(f"{self.name} answers no more: {self._failure}")
        joules, watts, asked = self._state
        age = min(time.monotonic() - asked, _TRUSTED * self._period)
        self._told = {
            domain: max(self._told[domain], joules[domain] + watts[domain] * age)
            for domain in self.domains
        }
        return self._told

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._source.close()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=1.0)
