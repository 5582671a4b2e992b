"""Runs Lithops' own end-to-end tests on every storage, on real servers, and times them.

    python tools/lithops_suites.py RUNNER [--versions 3.8.0] [--storages localhost …] [-- -x]

RUNNER is a program that runs the tests of one version on one storage: it takes ``--python``,
``--version``, ``--target``, ``--storage`` and ``--config`` (a file of Lithops' configuration).
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
BUCKET = "lithops-tests"
PYTHON = Path(sys.base_prefix) / "bin" / "python3"  #: runs the runner, which may need pip
Sections = dict[str, dict[str, Any]]


def localhost(folder: Path, _guard: Any) -> Sections:
    """Files of this machine."""
    return {"localhost": {"root": str(folder / "objects")}}


def aws_s3(folder: Path, guard: Any) -> Sections:
    """SeaweedFS."""
    from support.servers import start_seaweedfs  # noqa: PLC0415 - found after it was said where

    server = start_seaweedfs(folder / "seaweedfs", guard)
    keys = {"access_key_id": server.user, "secret_access_key": server.secret}
    return _bucket("aws_s3", {"endpoint": server.endpoint, "region": "us-east-1", **keys})


def redis(folder: Path, guard: Any) -> Sections:
    """Valkey."""
    from support.servers import start_valkey  # noqa: PLC0415 - see above

    server = start_valkey(folder / "valkey", guard)
    return _bucket("redis", {"host": "127.0.0.1", "port": server.port})


def gcp_storage(folder: Path, guard: Any) -> Sections:
    """fake-gcs-server."""
    from support.servers import start_fake_gcs  # noqa: PLC0415 - see above

    server = start_fake_gcs(folder / "fake-gcs", guard)
    return _bucket(
        "gcp_storage", {"endpoint": server.endpoint, "anonymous": True, "project": "tests"}
    )


def azure_storage(folder: Path, guard: Any) -> Sections:
    """Azurite."""
    from support.servers import start_azurite  # noqa: PLC0415 - see above

    server = start_azurite(folder / "azurite", guard)
    account = {"storage_account_name": server.user, "storage_account_key": server.secret}
    return _bucket("azure_storage", {"endpoint": server.endpoint, **account})


STORAGES: dict[str, Callable[[Path, Any], Sections]] = {
    start.__name__: start for start in (localhost, aws_s3, redis, gcp_storage, azure_storage)
}


def _bucket(name: str, section: dict[str, Any]) -> Sections:
    """Make the bucket in which the tests work; return the configuration."""
    from greenlithops import Storage  # noqa: PLC0415 - once it is known that it is needed

    content = {name: section | {"storage_bucket": BUCKET}}
    Storage({**content, "lithops": {"storage": name}}).create_bucket(BUCKET)
    return content


@contextlib.contextmanager
def _configured(name: str) -> Iterator[Path]:
    """Give the path of a configuration whose storage is there."""
    from support.servers import environment  # noqa: PLC0415 - see above
    from support.servers.process import Guard  # noqa: PLC0415 - see above

    with tempfile.TemporaryDirectory(prefix="lithops-suites-") as text:
        folder = Path(text)
        if name != "localhost":
            environment.ensure()
        guard = Guard()
        try:
            content = STORAGES[name](folder, guard)
            path = folder / "lithops.yaml"
            path.write_text(yaml.safe_dump(content))
            yield path
        finally:
            guard.close()


def main() -> int:
    """Run them all; return 1 if a test has failed anywhere."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runner", type=Path)
    parser.add_argument("--versions", nargs="+", default=["3.8.0", "3.7.0"])
    parser.add_argument("--storages", nargs="+", default=list(STORAGES), choices=list(STORAGES))
    parser.add_argument("--target", default="greenlithops", choices=["greenlithops", "lithops"])
    parser.add_argument("--python", default=sys.executable)
    own, _, for_pytest = " ".join(sys.argv[1:]).partition(" -- ")
    args = parser.parse_args(own.split())
    sys.path.insert(0, str(ROOT / "tests"))
    table, failed = [], False
    for name in args.storages:
        for version in args.versions:
            with _configured(name) as config:
                command = [PYTHON, args.runner, "--python", args.python]
                command += ["--version", version, "--target", args.target]
                command += ["--storage", name, "--config", str(config), "--", *for_pytest.split()]
                start = time.perf_counter()
                code = subprocess.run(command, check=False).returncode
                seconds = time.perf_counter() - start
            failed |= code != 0
            table.append(
                f"{name:14} {version:8} {'ok' if code == 0 else 'FAILED':8} {seconds:6.1f}"
            )
            sys.stdout.write(table[-1] + " s\n")
            sys.stdout.flush()
    sys.stdout.write("\n".join(["", "storage        version  result   seconds", *table, ""]))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
