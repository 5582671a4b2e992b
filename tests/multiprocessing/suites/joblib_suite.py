"""Runs joblib's and scikit-learn's own tests of parallel runs with our backend as the default.

    python tests/multiprocessing/suites/joblib_suite.py [part of a test's name …]

Which of them cannot hold, and why, is in `cannot.py` and in docs/multiprocessing.md.
"""

import collections
import signal
import sys
from contextlib import suppress

import cannot
import joblib
import pytest
import suite_running

import greenlithops.joblib

SUITES = (
    "joblib.test.test_parallel",
    "sklearn.utils.tests.test_parallel",
    "sklearn.model_selection.tests.test_search",
)


class Ours:
    """Leaves out what cannot hold, ends what takes too long, and counts."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.left_out = 0
        self.counts = collections.Counter()

    def pytest_collection_modifyitems(self, config, items):
        kept = []
        for item in items:
            module = item.module.__name__
            if self.wanted and not any(part in f"{module}.{item.name}" for part in self.wanted):
                continue
            names = {f"{module}.{item.originalname}", f"{module}.{item.name}"}
            if names & cannot.JOBLIB.keys():
                self.left_out += 1
            else:
                kept.append(item)
        items[:] = kept

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        signal.signal(signal.SIGALRM, suite_running.too_long)
        signal.alarm(suite_running.SECONDS)
        try:
            return (yield)
        finally:
            signal.alarm(0)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self.counts[report.outcome] += 1
        if report.failed:
            reason = str(report.longrepr).strip().rpartition("\n")[2]
            print(f"\n{report.nodeid}: {reason}", flush=True)


def take_the_place_of_other_backends():
    """Have every name of a backend of processes mean ours."""
    for name in ("loky", "multiprocessing"):
        joblib.register_parallel_backend(name, greenlithops.joblib.GreenlithopsBackend)
    greenlithops.joblib.register(make_default=True)


def main(wanted):
    """Run the tests; return how many failed."""
    take_the_place_of_other_backends()
    ours = Ours(wanted)
    options = ["-q", "-p", "no:cacheprovider", "--tb=short", "-rfE", "--rootdir=/"]
    status = pytest.main([*options, "-c", "/dev/null", "--pyargs", *SUITES], plugins=[ours])
    with suppress(KeyError):
        greenlithops.joblib.forget()
    counts = ours.counts
    print(f"{ours.left_out} cannot hold; see tests/multiprocessing/suites/cannot.py")
    passed, failed, skipped = (counts[name] for name in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed or int(status not in (0, 1))


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 100))
