"""Runs CPython's own tests of multiprocessing against greenlithops.multiprocessing.

    python tests/multiprocessing/suites/cpython_suite.py [part of a test's name …]

Which of them cannot hold, and why, is in `cannot.py` and in docs/multiprocessing.md.
"""

import sys
import unittest

import cannot
import suite_running

import greenlithops.multiprocessing as mp
from greenlithops.multiprocessing import connection
from greenlithops.multiprocessing import session as sessions

NAMES = (
    *("Array", "Barrier", "BoundedSemaphore", "Condition", "Event", "JoinableQueue", "Lock"),
    *("Queue", "RLock", "Semaphore", "Value"),
)


class Counted:
    """A list of which the suite wants to know only how long it is."""

    def __init__(self):
        self._list = mp.Manager().list()

    def append(self, _):
        self._list.append(1)

    def __len__(self):
        return len(self._list)


class Processes(suite_running.Limited):
    """What the suite's classes are given, for objects that processes share."""

    TYPE = "processes"

    def DummyList(self):  # noqa: N802 - the suite's name
        return Counted()

    def check_invariant(self, condition):
        """Look at nothing: the suite would look inside."""

    connection = connection


for _name in (
    *NAMES,
    *("Pipe", "Pool", "Process", "RawArray", "RawValue"),
    *("active_children", "current_process", "parent_process"),
):
    setattr(Processes, _name, staticmethod(getattr(mp, _name)))


class Managers(Processes):
    """The same, for objects that a manager makes."""

    TYPE = "manager"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = mp.Manager()
        for name in (*NAMES, "list", "dict", "Namespace", "Pool"):
            setattr(cls, name, staticmethod(getattr(cls.manager, name)))

    @classmethod
    def tearDownClass(cls):
        for name in (*NAMES, "list", "dict", "Namespace", "Pool"):
            delattr(cls, name)
        del cls.manager
        super().tearDownClass()


def cases(suite):
    """Give the suite's classes, made for greenlithops, with their names."""
    for name, base in vars(suite).copy().items():
        if not isinstance(base, type) or base.__module__ != suite.__name__:
            continue
        if issubclass(base, unittest.TestCase):
            mixins = [suite_running.Limited]
        elif issubclass(base, suite.BaseTestCase) and base is not suite.BaseTestCase:
            mixins = [mixin for mixin in (Processes, Managers) if mixin.TYPE in base.ALLOWED_TYPES]
        else:
            continue
        for mixin in mixins:
            bases = (mixin, base, unittest.TestCase)
            if issubclass(base, unittest.TestCase):
                bases = (mixin, base)
            kind = type(f"{mixin.__name__}{name}", bases, {"__module__": "__main__"})
            globals()[kind.__name__] = kind
            yield kind, name


def main(wanted):
    """Run the tests; return how many failed."""
    suite_running.take_the_place_of_multiprocessing()
    suite = suite_running.loaded("test._test_multiprocessing")
    suite.multiprocessing = mp
    failed = suite_running.run(list(cases(suite)), cannot.MULTIPROCESSING, wanted)
    sessions.end()
    return failed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 100))
