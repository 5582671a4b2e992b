"""zarr 2 reads and writes objects too; it needs an environment of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDER = ROOT / ".venvs" / "zarr-2"
NEEDED = ["zarr<3", "numcodecs<0.16", "--editable", f"{ROOT}[fsspec]"]


@pytest.fixture(scope="module")
def python():
    """The interpreter of an environment with zarr 2, made once per checkout."""
    python, stamp = FOLDER / "bin" / "python", FOLDER / "made"
    if not stamp.exists():
        shutil.rmtree(FOLDER, ignore_errors=True)
        if uv := shutil.which("uv"):
            run(uv, "venv", "--quiet", "--python", sys.executable, str(FOLDER))
            run(uv, "pip", "install", "--quiet", "--python", str(python), *NEEDED)
        else:
            run(sys.executable, "-m", "venv", str(FOLDER))
            run(str(python), "-m", "pip", "install", "--quiet", *NEEDED)
        stamp.touch()
    return python


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_stores_and_mappings(python, tmp_path):
    printed = run(
        str(python), "-W", "error::ResourceWarning", str(HERE / "zarr_2.py"), str(tmp_path)
    )
    assert printed.startswith("2.")
