"""Runs tests of other projects against ours: loads, limits and counts them."""

import importlib
import importlib.util
import signal
import sys
import types
import unittest
from pathlib import Path

import greenlithops.multiprocessing as mp

SECONDS = 60  #: of one test

#: modules of the standard library for which ours stand while its tests run
OURS = (
    *("connection", "context", "dummy", "managers", "pool", "process", "queues"),
    *("sharedctypes", "synchronize"),
)
#: modules whose insides its tests use
THEIRS = (
    *("heap", "popen_fork", "reduction", "resource_sharer", "resource_tracker", "shared_memory"),
    *("spawn", "util"),
)


def take_the_place_of_multiprocessing():
    """Have the names of the standard library's modules mean ours, in imports from now on."""
    importlib.import_module("concurrent.futures.process")  # what needs the real ones has them
    importlib.import_module("multiprocessing.managers")
    for name in THEIRS:
        sys.modules[f"{mp.__name__}.{name}"] = importlib.import_module(f"multiprocessing.{name}")
    ours = {name: importlib.import_module(f"{mp.__name__}.{name}") for name in OURS}
    for module, name in (
        *(("managers", "RemoteError"), ("managers", "SharedMemoryManager")),
        ("pool", "ThreadPool"),
    ):  # ours take these from the standard library when somebody asks
        setattr(ours[module], name, getattr(ours[module], name))
    sys.modules["multiprocessing"] = mp
    for name, module in ours.items():
        sys.modules[f"multiprocessing.{name}"] = module


def loaded(name):
    """Return a module of the standard library's tests, made anew, so that it travels by value."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        return None
    module = types.ModuleType(name.replace(".", "_"))
    module.__package__ = name.rpartition(".")[0]
    module.__file__ = str(Path(__file__).with_name(Path(found.origin).name))  # as if a user's
    sys.modules[module.__name__] = module
    exec(compile(Path(found.origin).read_text(), found.origin, "exec"), vars(module))
    return module


def too_long(*_):
    """End a test that waits for something that will not come."""
    raise TimeoutError(f"the test took more than {SECONDS} s")


class Limited:
    """Ends a test that takes too long."""

    def setUp(self):
        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(SECONDS)
        super().setUp()

    def tearDown(self):
        super().tearDown()
        signal.alarm(0)


def run(kinds, cannot, wanted):
    """Run the tests of some classes that can hold; return how many failed, and show the counts.

    Args:
        kinds: pairs of a class and the name under which `cannot` knows it.
        cannot: reasons, by ``Class.test`` or ``Class``.
        wanted: parts of names; nothing: all.
    """
    loader, tests, left_out = unittest.TestLoader(), unittest.TestSuite(), 0
    for kind, known_as in kinds:
        for name in loader.getTestCaseNames(kind):
            if wanted and not any(part in f"{kind.__name__}.{name}" for part in wanted):
                continue
            if cannot.keys() & {known_as, f"{known_as}.{name}"}:
                left_out += 1
            else:
                tests.addTest(kind(name))
    result = unittest.TextTestRunner(verbosity=2).run(tests)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    passed = result.testsRun - failed - skipped
    print(f"{left_out} cannot hold; see tests/multiprocessing/suites/cannot.py")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed
