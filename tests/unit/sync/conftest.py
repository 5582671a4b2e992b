"""The one background loop belongs to the process, not to the test that happens to come first."""

import pytest

import greenlithops as gl
from greenlithops.sync.loop import background

background().call(lambda: None)


@pytest.fixture
def fexec():
    with gl.FunctionExecutor(max_workers=2, energy="off") as fexec:
        yield fexec


@pytest.fixture
def other():
    with gl.FunctionExecutor(max_workers=2, energy="off") as fexec:
        yield fexec


@pytest.fixture
def pool():
    with gl.PoolExecutor(2, energy="off") as pool:
        yield pool
