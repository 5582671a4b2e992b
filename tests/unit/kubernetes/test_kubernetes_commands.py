"""The commands about pods: what would be created, and the image that they run."""

import os
import subprocess
import sys

import pytest
import yaml

from greenlithops.backends.compute import building, image
from greenlithops.errors import ConfigurationError, ExecutorError

CONFIGURATION = """
lithops: {backend: k8s}
redis: {host: redis.example.com, port: 6379, password: battery-staple}
k8s: {runtime: "registry.example.com/me/calls:1", runtime_memory: 256, worker_processes: 2}
"""


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lithops.yaml").write_text(CONFIGURATION)

    def run(*words, status=0):
        done = subprocess.run(
            [sys.executable, "-c", "from greenlithops.cli import main; main()", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
            env={
                **os.environ,
                "COLUMNS": "200",
                "XDG_CACHE_HOME": str(tmp_path / "cache"),
                "LITHOPS_CONFIG_FILE": str(tmp_path / "lithops.yaml"),
            },
        )
        assert done.returncode == status, done.stderr
        return done

    return run


def test_what_would_be_created_is_printed_without_secrets(command):
    text = command("kubernetes", "manifest", "--jobs").stdout
    found = list(yaml.safe_load_all(text))
    assert [one["kind"] for one in found] == ["Job", "Secret", "Deployment", "Job"]
    worker = found[2]["spec"]["template"]["spec"]["containers"][0]
    assert worker["image"] == "registry.example.com/me/calls:1"
    assert worker["resources"]["limits"] == {"memory": "256Mi"}
    assert "battery-staple" not in text
    assert "completionMode" not in command("kubernetes", "manifest", "--jobs", "--plain").stdout


def test_what_an_image_is_built_of_is_written(command, tmp_path):
    output = tmp_path / "context"
    done = command("runtime", "build", "-b", "kubernetes", "--base", "mine:1", "-o", output)
    assert done.stdout.strip() == str(output / "Containerfile")
    assert "FROM mine:1\nCOPY app /opt/greenlithops\n" in (output / "Containerfile").read_text()
    app = output / "app"
    size = sum(path.stat().st_size for path in app.rglob("*") if path.is_file())
    assert size < 20 << 20
    # What is there suffices for a worker, with nothing else but Python.
    program = (
        "import sys\n"
        "own = [path for path in sys.path if 'site-packages' not in path]\n"
        "sys.path[:] = [sys.argv[1], *own]\n"
        "from greenlithops.backends.compute.kubernetes import agent\n"
        "from greenlithops.worker import piped\n"
        "agent.main(['--help'])"
    )
    command_line = [sys.executable, "-I", "-c", program, str(app)]
    done = subprocess.run(command_line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--once ROLE" in done.stdout


def test_an_image_needs_a_name_or_a_folder(command):
    done = command("runtime", "build", "-b", "k8s", status=2)
    assert "--output" in done.stderr


def test_images_are_built_by_what_is_there(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExecutorError, match="none of podman, docker, buildah"):
        building.engine()
    for name in ("buildah", "docker"):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho {name} no >&2\nexit 3\n")
        program.chmod(0o755)
    assert building.engine() == str(tmp_path / "docker")
    with pytest.raises(ExecutorError, match="did not build x: docker no"):
        building.build(tmp_path, "x")
    with pytest.raises(ExecutorError, match="did not push x"):
        building.push("x")
    with pytest.raises(ConfigurationError, match="amd64 or arm64"):
        image.check_architecture("riscv")
