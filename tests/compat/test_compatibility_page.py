"""The page that compares both packages is current, and leaves nothing without a verdict."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("compatibility", ROOT / "tools" / "compatibility.py")
compatibility = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compatibility)

FACTS = json.loads(compatibility.FACTS.read_text())
NOTES = json.loads(compatibility.NOTES.read_text())


def test_the_page_is_current():
    assert compatibility.PAGE.read_text() == compatibility.page(FACTS, NOTES), (
        "write it anew: python tools/compatibility.py"
    )


@pytest.mark.parametrize("row", compatibility.rows(FACTS, NOTES), ids=lambda row: row[0])
def test_every_name_has_a_verdict(row):
    path, verdict, remark = row
    assert verdict in {"same", "better", "absent"}, f"{path} differs: {remark}"
    assert remark or verdict == "same", f"{path}: say what to use instead"


def test_differences_are_seen():
    def other(a, b=2, *, c=3): ...

    assert compatibility.difference({"a": None, "b": "2", "c": "3"}, other) == ""
    assert compatibility.difference({"a": None, "b": "5", "d": None}, other) == (
        "without d; b=2, not 5"
    )


def test_notes_are_about_names_that_there_are():
    names = {row[0] for row in compatibility.rows(FACTS, NOTES)}
    assert NOTES.keys() <= names
