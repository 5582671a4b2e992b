"""The documentation names every test of other projects that is left out, with its reason."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "suites"))
import cannot  # noqa: E402 - it is a script's neighbour, not a package

GUIDE = (HERE.parents[1] / "docs" / "multiprocessing.md").read_text()


@pytest.mark.parametrize(
    "names",
    [cannot.MULTIPROCESSING, cannot.FUTURES, cannot.JOBLIB],
    ids=["multiprocessing", "futures", "joblib"],
)
def test_every_test_that_is_left_out_is_told(names):
    rows = GUIDE.splitlines()
    missing = [
        name
        for name, reason in names.items()
        if not any(f"`{name}`" in row and row.startswith(f"| {reason} |") for row in rows)
    ]
    assert missing == []
