"""Whose child was it? Finds the tree to which a task belonged that has ended."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

ORPHANS = 4096  #: ended processes whose parent may still turn out to be in a tree
RECENT = 256  #: ended processes of trees whose children may be told of after them


@dataclass(slots=True)
class Ended:
    """A task that has ended.

    Attributes:
        process: the process that it was part of.
        parent: the parent of that.
        ns: the CPU time that it used, in nanoseconds.
        last: whether nothing of its process is left.
    """

    process: int
    parent: int
    ns: int
    last: bool


class Listed(Protocol):
    """A tree of processes, as far as it has ended."""

    ended: dict[int, int]  #: by process: nanoseconds of its tasks that have ended
    complete: deque[int]  #: processes of which nothing is left


class Kinship:
    """Remembers which process belongs to which tree.

    A child mostly ends before its parent, so that its tree may be known only when that ends, too.
    What is remembered is bounded: a machine starts processes without end.
    """

    def __init__(self) -> None:
        self._trees: dict[int, Listed] = {}
        self._recent: deque[int] = deque()
        self._orphans: dict[int, Ended] = {}  # the oldest first
        self._children: dict[int, set[int]] = {}

    def hear(self, ended: Ended) -> None:
        """Count a task that has ended, or keep it until its parent is known."""
        tree = self._trees.get(ended.process) or self._trees.get(ended.parent)
        if tree is not None:
            self._count(tree, ended)
            return
        if ended.process in self._orphans:  # a thread of it has ended, maybe under another parent
            ended.ns += self._taken(ended.process).ns
        self._orphans[ended.process] = ended
        self._children.setdefault(ended.parent, set()).add(ended.process)
        if len(self._orphans) > ORPHANS:
            self._taken(next(iter(self._orphans)))

    def _count(self, tree: Listed, ended: Ended) -> None:
        tree.ended[ended.process] = tree.ended.get(ended.process, 0) + ended.ns
        self.own(ended.process, tree)
        if ended.last:
            tree.complete.append(ended.process)
            self._recent.append(ended.process)
            if len(self._recent) > RECENT:
                self._trees.pop(self._recent.popleft(), None)

    def own(self, pid: int, tree: Listed) -> None:
        """Count a process, and what it starts, for a tree."""
        self._trees[pid] = tree
        for child in list(self._children.get(pid, ())):
            self._count(tree, self._taken(child))

    def _taken(self, process: int) -> Ended:
        """Return an ended process that waits for its parent to be known no more."""
        ended = self._orphans.pop(process)
        siblings = self._children[ended.parent]
        siblings.discard(process)
        if not siblings:
            del self._children[ended.parent]
        return ended

    def disown(self, tree: Listed) -> None:
        """Count nothing for a tree any more."""
        for pid in [pid for pid, owner in self._trees.items() if owner is tree]:
            del self._trees[pid]
