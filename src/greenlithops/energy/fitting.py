"""Fits what trials took by a sum of terms that have a meaning; which terms, the hold-out tells."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING, Any

from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenlithops.energy.plans import Plan

_WORTH = 1.1  #: by how much a term must better the hold-out error
_NO_ERROR = 1e-4  #: hold-out errors below it are all alike
MOST_TERMS = 5  #: of a sum; more could not be told apart by a few trials

#: The terms of a sum, by what they mean: of elements, workers, elements a chunk, and gigabytes.
_TERMS: Mapping[str, Callable[[int, Plan], float]] = {
    "fixed": lambda n, p: 1.0,  # noqa: ARG005 - every term takes the same
    "work": lambda n, p: float(n),  # noqa: ARG005 - every term takes the same
    "divided work": lambda n, p: n / p.workers,
    "chunks": lambda n, p: n / p.chunk,
    "divided chunks": lambda n, p: n / p.chunk / p.workers,
    "each worker": lambda n, p: float(p.workers),  # noqa: ARG005 - every term takes the same
    "last chunk": lambda n, p: float(p.chunk),  # noqa: ARG005 - every term takes the same
    "slow for little memory": lambda n, p: n / p.workers * 1024 / (p.memory_mb or 1024),
    "memory": lambda n, p: n / p.chunk * (p.memory_mb or 1024) / 1024,
}


@dataclass(frozen=True, slots=True)
class Fit:
    """A sum of terms that was fitted.

    Attributes:
        terms: their names.
        weights: of each.
        error: the hold-out error: by how much plans that were left out were missed on average.
    """

    terms: tuple[str, ...]
    weights: tuple[float, ...]
    error: float

    def predict(self, items: int, plan: Plan) -> float:
        """Return what the sum says of a plan."""
        terms = zip(self.terms, self.weights, strict=True)
        return sum(weight * _TERMS[name](items, plan) for name, weight in terms)


Row = tuple[int, "Plan", float]  #: elements, how they were run, and what it took


def fit(rows: Sequence[Row]) -> Fit:
    """Return the fit whose terms predict best what is left out; a term must be worth its while."""
    table = _Table(rows)
    most = min(MOST_TERMS, len(table.plans) - 2)  # so that leaving one out leaves one to spare
    tries = [
        (table.hold_out_error(terms), terms)
        for count in range(1, most + 1)
        for terms in combinations(range(len(_TERMS)), count)
        if table.independent(terms)
    ]
    error, terms = min(tries, key=lambda t: (t[0] + _NO_ERROR) * _WORTH ** len(t[1]))
    names = list(_TERMS)
    return Fit(tuple(names[i] for i in terms), table.weights(terms), error)


class _Table:
    """The terms of all trials, divided by what the trials took: weighted, they should give 1.

    So the errors that are made least are relative ones.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        try:
            self._numpy: Any = import_module("numpy")
            self._nnls: Any = import_module("scipy.optimize").nnls
        except ImportError as error:
            raise ConfigurationError(
                "the adviser needs scipy: pip install 'greenlithops[advise]'"
            ) from error
        terms = [[term(n, plan) for term in _TERMS.values()] for n, plan, _ in rows]
        self._terms = self._numpy.array(terms)
        self._scales = self._terms.max(axis=0)
        took = self._numpy.array([y for _, _, y in rows])
        self._matrix = self._terms / self._scales / took[:, None]
        self.plans = sorted({plan for _, plan, _ in rows})
        self._held = [
            self._numpy.array([plan == held for _, plan, _ in rows]) for held in self.plans
        ]

    def independent(self, terms: tuple[int, ...]) -> bool:
        """Return whether the trials can tell the terms from each other."""
        columns = (self._terms / self._scales)[:, terms]
        return int(self._numpy.linalg.matrix_rank(columns, tol=1e-6)) == len(terms)

    def weights(self, terms: tuple[int, ...]) -> tuple[float, ...]:
        """Return weights of at least 0 that make the relative errors least, in squares."""
        found = self._solved(self._matrix[:, terms])
        return tuple(float(w / self._scales[i]) for w, i in zip(found, terms, strict=True))

    def hold_out_error(self, terms: tuple[int, ...]) -> float:
        """Return by how much plans are missed on average that are predicted from the others."""
        matrix, misses = self._matrix[:, terms], []
        for held in self._held:
            found = self._solved(matrix[~held])
            misses += [abs(float(miss)) for miss in matrix[held] @ found - 1.0]
        return fmean(misses)

    def _solved(self, matrix: Any) -> Any:
        return self._nnls(matrix, self._numpy.ones(len(matrix)))[0]
