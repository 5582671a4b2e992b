"""Programs as Lithops' users write them, with nothing but the name of the package changed."""

import subprocess
import sys

import pytest

import greenlithops as gl
from greenlithops.sync.loop import background
from support import scripts

background().call(lambda: None)


@pytest.fixture
def fexec():
    with gl.FunctionExecutor(max_workers=2, energy="off") as fexec:
        yield fexec


@pytest.fixture
def run_as_lithops(tmp_path, monkeypatch):
    """Run a program as it is by ``greenlithops run``, with files of its own; return its lines."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".lithops").mkdir()
    config = f"localhost: {{root: {tmp_path / 'objects'}, max_workers: 2}}\n"
    (tmp_path / ".lithops" / "config").write_text(config)

    def run(source):
        path = scripts.write(tmp_path, source, "program.py")
        done = subprocess.run(
            [sys.executable, "-m", "greenlithops", "run", str(path)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=scripts.LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run
