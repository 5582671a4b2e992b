"""Workers in threads of the program, when they are let go before they have begun."""

import pytest

import greenlithops as gl
from greenlithops.errors import UsageError


# A thread that is ended from outside may have opened a file, and not yet hold it: Python closes it.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO name='/proc/self/status':"
    "pytest.PytestUnraisableExceptionWarning"
)
async def test_executors_that_are_left_at_once_leave_nothing_behind():
    """What is told to end while its second thread is being started does not wait for that."""
    for _ in range(200):
        async with gl.AsyncExecutor("inline", max_workers=1, energy="off") as executor:
            with pytest.raises(UsageError):
                executor.map(len, 5)
