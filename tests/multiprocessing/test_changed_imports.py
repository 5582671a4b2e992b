"""Programs for the standard library do the same when their imports are changed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
SECONDS = 280

pytestmark = pytest.mark.timeout(2 * SECONDS + 20)


CHANGES = (
    (r"^(import|from) multiprocessing\b", r"\1 greenlithops.multiprocessing"),
    (r"^from concurrent.futures import .*", r"\g<0>\nfrom greenlithops import PoolExecutor"),
    (r"ProcessPoolExecutor\(", "PoolExecutor("),
)


def with_imports_changed(source):
    for old, new in CHANGES:
        source = re.sub(old, new, source, flags=re.MULTILINE)
    return source


def outcome(path):
    done = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return done.stdout, done.stderr, done.returncode


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_with_changed_imports_prints_the_same(program, tmp_path):
    changed = tmp_path / program.name
    changed.write_text(with_imports_changed(program.read_text()))
    assert "greenlithops" in changed.read_text()
    assert outcome(changed) == outcome(program)
