"""What runs on the workers: counts the identifiers in files, and adds counts up."""

from __future__ import annotations

import heapq
import keyword
import tokenize
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

from greenlithops.cli.hello.tokens import names

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Why a file is left out of the answer.
Trouble = Literal["unreadable", "undecodable", "untokenizable"]


class Problem(NamedTuple):
    """A file that is left out, and why."""

    path: str
    trouble: Trouble
    reason: str


class Counted(NamedTuple):
    """What one group of files gave.

    Attributes:
        counts: how often each identifier occurs.
        files: how many files there were, the ones with problems included.
        bytes: how much was read.
        problems: the files that are not in `counts`.
    """

    counts: Counter[str]
    files: int
    bytes: int
    problems: list[Problem]


class Answer(NamedTuple):
    """What all groups gave together.

    Attributes:
        top: the most frequent identifiers and how often they occur.
        distinct: how many different identifiers there are.
        occurrences: how often identifiers occur altogether.
        files: how many files there were, the ones with problems included.
        bytes: how much was read.
        problems: the files that are not in the answer.
    """

    top: list[tuple[str, int]]
    distinct: int
    occurrences: int
    files: int
    bytes: int
    problems: list[Problem]


def count_files(paths: list[str]) -> Counted:
    """Count the identifiers in files; a file that cannot be counted becomes a `Problem`."""
    counts: Counter[str] = Counter()
    problems: list[Problem] = []
    size = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tokenizer, on the style of what it reads
        for path in paths:
            try:
                with open(path, "rb") as file:  # noqa: PTH123 - pathlib is slow to import
                    source = file.read()
                size += len(source)
                counts.update(names(source))
            except OSError as error:
                problems.append(Problem(path, "unreadable", error.strerror or str(error)))
            except (UnicodeError, LookupError) as error:
                problems.append(Problem(path, "undecodable", str(error)))
            except (tokenize.TokenError, SyntaxError) as error:
                problems.append(Problem(path, "untokenizable", str(error)))
    for word in keyword.kwlist:
        del counts[word]
    return Counted(counts, len(paths), size, problems)


def add_up(parts: Iterable[Counted], top: int) -> Answer:
    """Add the counts of all groups up, and keep the `top` most frequent identifiers."""
    counts: Counter[str] = Counter()
    problems: list[Problem] = []
    files = size = 0
    for part in parts:
        counts.update(part.counts)
        problems += part.problems
        files += part.files
        size += part.bytes
    # Names that are equally frequent come in the order of the alphabet, whatever ended first.
    ranked = heapq.nsmallest(top, counts.items(), key=lambda item: (-item[1], item[0]))
    return Answer(ranked, len(counts), counts.total(), files, size, sorted(problems))
