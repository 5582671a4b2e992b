"""The examples with data in object storage, run as users run them, over a real S3."""

import json
import os
import re
import secrets
import subprocess
import sys

import pytest

import greenlithops as gl
from greenlithops.sync.loop import background
from greenlithops.sync.storage_host import close_storages
from integration.serving import EXAMPLES
from support import scripts

background().call(lambda: None)


@pytest.fixture(autouse=True)
def closed():
    """Storages keep connections for the next who asks; a test shall not."""
    yield
    close_storages()


@pytest.fixture
def config(seaweedfs):
    section = {
        "endpoint": seaweedfs.endpoint,
        "access_key_id": seaweedfs.user,
        "secret_access_key": seaweedfs.secret,
    }
    return {"lithops": {"storage": "minio"}, "minio": section}


@pytest.fixture
def bucket(config):
    name = f"examples-{secrets.token_hex(4)}"
    gl.Storage(config).create_bucket(name)
    return name


def run(script, config, bucket, tmp_path):
    """Run an example with a configured storage; return the lines that it prints."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script), bucket],
        env={**os.environ, "LITHOPS_CONFIG": json.dumps(config)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=scripts.LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_a_zarr_array_is_read_chunk_by_chunk(config, bucket, tmp_path):
    summary, warmest, energy = run("zarr_chunks.py", config, bucket, tmp_path)
    assert summary == "36 chunks, mean 274.974 K"
    assert warmest == "warmest: 301.50 K between 30 and 0 degrees"
    assert re.fullmatch(r".* J (estimated|measured) \(\w+\)", energy)
    keys = gl.Storage(config).list_keys(bucket, "temperature.zarr/c/")
    assert keys == [f"temperature.zarr/c/0/{row}/{column}" for row in "01" for column in "01"]


def test_slices_are_evaluated_in_the_workers(config, bucket, tmp_path):
    lines = run("lazy_slices.py", config, bucket, tmp_path)
    content = gl.Storage(config).get_object(bucket, "stations.csv").decode().split()
    extremes = {}
    for line in content[1:]:
        station, _, celsius = line.split(",")
        extremes.setdefault(station, []).append(float(celsius))
    assert [line.split() for line in lines] == [
        [station, str(min(values)), str(max(values))]
        for station, values in sorted(extremes.items())
    ]
    assert len(content) == 100_001
