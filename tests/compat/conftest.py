"""Programs as Lithops' users write them, with nothing but the name of the package changed."""

import pytest

import greenlithops as gl
from greenlithops.sync.loop import background

background().call(lambda: None)


@pytest.fixture
def fexec():
    with gl.FunctionExecutor(max_workers=2, energy="off") as fexec:
        yield fexec
