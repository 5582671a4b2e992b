"""Tests of what processes share, with nothing left after each."""

from pathlib import Path

import pytest

from greenlithops.multiprocessing import config
from greenlithops.multiprocessing import session as sessions
from greenlithops.sync.loop import background

SHORT_LEASE = 3.0
HERE = Path(__file__).parent


background().call(lambda: None)  # the one loop stays, with its descriptors


@pytest.fixture(autouse=True)
def fresh_state():
    """After the test no server, connection or heartbeat is left."""
    yield
    sessions.end()
    config.reset()


@pytest.fixture
def lease():
    """Leases that are short enough to wait for; else a busy machine is to end none."""
    config.set_parameter(config.LEASE_TIME, SHORT_LEASE)
    return SHORT_LEASE


@pytest.fixture
def configured(valkey):
    """Use the session's server instead of one of the test's own."""
    host, _, port = valkey.endpoint.removeprefix("redis://").partition(":")
    section = {"host": host, "port": int(port)}
    config.set_parameter(config.LITHOPS_CONFIG, {"redis": section})
    return section


def pytest_collection_modifyitems(items):
    """Have time to start workers on a machine that does much else."""
    for item in items:
        if item.path.parent == HERE and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(300))
