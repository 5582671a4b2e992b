"""Runs CPython's own tests of concurrent.futures against greenlithops.PoolExecutor.

    python tests/multiprocessing/suites/futures_suite.py [part of a test's name …]

Which of them cannot hold, and why, is in `cannot.py` and in docs/multiprocessing.md.
"""

import importlib
import sys

import cannot
import suite_running

import greenlithops as gl
import greenlithops.multiprocessing as mp
from greenlithops.multiprocessing import session as sessions

PACKAGE = "test.test_concurrent_futures"
#: the classes that are made for every kind of executor, by module
MIXINS = {
    "test_as_completed": ("AsCompletedTests",),
    "test_init": ("InitializerMixin", "FailingInitializerMixin"),
    "test_process_pool": ("ProcessPoolExecutorTest",),
    "test_shutdown": ("ProcessPoolShutdownTest",),
    "test_wait": ("WaitTests",),
}


def cases():
    """Give the suite's classes, made for greenlithops, with their names."""
    util = importlib.import_module(f"{PACKAGE}.util")

    class Ours(suite_running.Limited, util.ExecutorMixin):
        executor_type = gl.PoolExecutor
        ctx = "cloud"

        def get_context(self):
            return mp.get_context(self.ctx)

    for module, names in MIXINS.items():
        for name in names:
            base = getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)
            bases = (Ours, base, util.BaseTestCase)
            yield type(f"Ours{name}", bases, {"__module__": "__main__"}), name


def main(wanted):
    """Run the tests; return how many failed."""
    try:
        importlib.import_module(PACKAGE)
    except ImportError:
        print(
            f"this Python comes without {PACKAGE}: use one of 3.13 or later that was built from "
            "source, or install Debian's libpython3-testsuite"
        )
        return 1
    failed = suite_running.run(list(cases()), cannot.FUTURES, wanted)
    sessions.end()
    return failed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 100))
