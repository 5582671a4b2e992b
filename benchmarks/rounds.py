"""The peers in turn, A B C A B C, so that the machine's moods strike all of them alike."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from catalogue import PEERS
from environments import PeerEnvironmentError, python_of
from launch import Outcome, run_probe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from catalogue import Plan, Workload

TRIES = 2  # a peer that has failed this often and never succeeded is not tried again


@dataclass
class Series:
    """All rounds of one peer in one workload."""

    size: int
    rounds: list[dict[str, float]] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    version: str | None = None
    left_behind: int = 0
    given_up: bool = False

    def add(self, outcome: Outcome) -> None:
        """Take in what one probe said."""
        self.left_behind += outcome.left_behind
        if outcome.failure is not None:
            self.failures.append(outcome.failure)
            self.given_up = len(self.failures) >= TRIES and not self.rounds
            return
        self.rounds.append(outcome.figures)
        self.version = outcome.version
        if outcome.load is not None:
            self.loads.append(outcome.load)


@dataclass(frozen=True)
class Settings:
    """What holds for the whole run."""

    root: Path
    workers: int
    peers: Sequence[str]
    rounds: int | None = None  # None: as many as the workload asks for
    quick: bool = False


def alternate(key: str, workload: Workload, settings: Settings) -> dict[str, Series]:
    """Run a workload, one round after the other, on everyone who takes part in it."""
    plans = {peer: workload.plans[peer] for peer in settings.peers if peer in workload.plans}
    series = {
        peer: Series(plan.quick if settings.quick else plan.size) for peer, plan in plans.items()
    }
    rounds = settings.rounds or workload.rounds
    for number in range(1, rounds + 1):
        for peer, plan in plans.items():
            if series[peer].given_up:
                continue
            outcome = _probe(key, peer, plan, settings)
            series[peer].add(outcome)
            said = outcome.failure or " ".join(f"{k}={v:.4g}" for k, v in outcome.figures.items())
            print(f"{key} {number}/{rounds} {peer}: {said}", file=sys.stderr, flush=True)
    return series


def _probe(workload: str, peer: str, plan: Plan, settings: Settings) -> Outcome:
    try:
        python = python_of(PEERS[peer].environment, settings.root)
    except PeerEnvironmentError as error:
        return Outcome(failure=f"its environment: {error}")
    return run_probe(
        python,
        workload,
        plan.adapter or PEERS[peer].adapter,
        size=plan.quick if settings.quick else plan.size,
        workers=settings.workers,
        seconds=plan.seconds,
    )
