"""The command line, as it is typed, with a configuration of the test's own."""

import os
import subprocess
import sys

import pytest
import yaml


@pytest.fixture
def command(tmp_path):
    """Run a command with nothing of this machine's configuration; return its result."""
    (tmp_path / "config").write_text(
        yaml.safe_dump({"localhost": {"root": str(tmp_path / "objects"), "max_workers": 2}})
    )
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "LITHOPS_CONFIG_FILE": str(tmp_path / "config"),
    }

    def run(*arguments, status=0, **more):
        done = subprocess.run(
            [sys.executable, "-m", "greenlithops", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            env=variables | more,
            check=False,
        )
        assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    return run
