"""The code of functions as a zip, made here: greenlithops, cloudpickle, packages on request.

What it is made of gives it its name, so that nothing is built or sent twice. The bytecode of what
a cold start imports is in it, since services have folders that cannot be written to.
"""

from __future__ import annotations

import hashlib
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from greenlithops import errors
from greenlithops.errors import ConfigurationError

FORMAT = b"2"  #: of what is below; another one gives another name
_LEFT_OUT = {"cli", "testing", "__pycache__"}
#: What a call may start workers with where it is; services would need more than this package.
_COMPUTE, _COMPUTE_KEPT = "backends/compute/", {"__init__.py", "inline.py", "localhost.py"}
_STARTS = (
    "greenlithops/worker/",
    "greenlithops/errors.py",
    "greenlithops/__init__.py",
    "cloudpickle/",
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's first moment: the same content gives the same archive
_PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}


@dataclass(frozen=True, slots=True)
class Package:
    """Code that is, or can be, deployed.

    Attributes:
        digest: what it is made of, in 16 hexadecimal digits.
        requirements: packages that it brings.
        architecture: for which processor they are.
    """

    digest: str
    requirements: tuple[str, ...] = ()
    architecture: str = "x86_64"

    def archive(self) -> bytes:
        """Return the zip; it is kept in the user's cache folder.

        Raises:
            ConfigurationError: the packages cannot be had.
        """
        place = _cache_folder() / f"{self.digest}.zip"
        try:
            return place.read_bytes()
        except FileNotFoundError:
            pass
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=place.parent) as folder:
            made = Path(folder, "package.zip")
            _build(made, Path(folder), self)
            made.replace(place)
        return place.read_bytes()


def package(requirements: tuple[str, ...] = (), architecture: str = "x86_64") -> Package:
    """Return the package of this installation of greenlithops; nothing is built yet."""
    digest = hashlib.sha256(FORMAT + repr((sys.version_info[:2], requirements)).encode())
    if requirements:
        digest.update(architecture.encode())
    digest.update(_own_digest())
    return Package(digest.hexdigest()[:16], requirements, architecture)


def of_image(uri: str, architecture: str) -> Package:
    """Return what stands for the code of a container image, which is not made here."""
    return Package(hashlib.sha256(uri.encode()).hexdigest()[:16], (), architecture)


@cache
def _own_digest() -> bytes:
    digest = hashlib.sha256()
    for name, path in sorted(_sources().items()):
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.digest()


def _sources() -> dict[str, Path]:
    """Return the files of the package, by their names in the archive."""
    own = Path(errors.__file__).parent
    found = {}
    for path in own.rglob("*"):
        inside = path.relative_to(own)
        if not path.is_file() or _LEFT_OUT & set(inside.parts):
            continue
        compute = inside.as_posix().partition(_COMPUTE)[2]
        if not compute or compute in _COMPUTE_KEPT:
            found[f"greenlithops/{inside.as_posix()}"] = path
    spec = find_spec("cloudpickle")
    if spec is None or spec.origin is None:
        raise ConfigurationError("cloudpickle is not installed: pip install cloudpickle")
    pickling = Path(spec.origin).parent
    found |= {f"cloudpickle/{path.name}": path for path in pickling.glob("*.py")}
    return found


def _build(place: Path, folder: Path, wanted: Package) -> None:
    files = _sources()
    if wanted.requirements:
        target = folder / "packages"
        _install(wanted, target)
        for path in target.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                files.setdefault(path.relative_to(target).as_posix(), path)
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            _write(archive, name, path.read_bytes())
            if name.endswith(".py") and name.startswith(_STARTS):
                _write(archive, *_bytecode(name, path, folder))


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = 0o644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def _bytecode(name: str, path: Path, folder: Path) -> tuple[str, bytes]:
    made = py_compile.compile(
        str(path),
        cfile=str(folder / "code.pyc"),
        dfile=name,  # which is looked for wherever the service has it
        doraise=True,
        # The date of the source is not that which it has in the archive.
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    before, _, last = name.rpartition("/")
    cached = f"{before}/__pycache__/{last[:-3]}.{sys.implementation.cache_tag}.pyc"
    return cached, Path(str(made)).read_bytes()


def _install(wanted: Package, target: Path) -> None:
    """Put packages for a service's machines into a folder; wheels only, nothing is run."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    platform = _PLATFORMS[wanted.architecture]
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--quiet", "--no-build", "--target", str(target)]
        command += ["--python-version", python, "--python-platform", platform]
    else:
        arch, _, kind = platform.partition("-")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target)]
        command += ["--only-binary=:all:", "--python-version", python]
        command += [f"--platform={kind}_{arch}", f"--platform=manylinux2014_{arch}"]
    done = subprocess.run(
        [*command, "--", *wanted.requirements], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ConfigurationError(
            f"the requirements cannot be installed: {done.stderr.strip()[-1000:]}"
        )


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "greenlithops", "packages")
