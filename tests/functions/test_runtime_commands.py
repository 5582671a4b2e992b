"""The commands about runtimes, as they are typed, with functions on a real control plane."""

import json
import os
import subprocess
import sys

import pytest

from greenlithops.backends.compute.aws_lambda.options import PYTHON
from support.servers.functions import ROLE

CONFIG = """
lithops: {{backend: aws_lambda}}
aws: {{region: us-east-1, access_key_id: test, secret_access_key: test}}
aws_lambda:
    execution_role: {role}
    endpoint: {endpoint}
"""


@pytest.fixture
def command(ministack, tmp_path):
    """Run a command, and return what it has printed."""
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG.format(role=ROLE, endpoint=ministack.endpoint))

    def run(*arguments, status=0, group=("runtime",)):
        done = subprocess.run(
            [sys.executable, "-m", "greenlithops", *group, *arguments, "-c", str(file)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=os.environ | {"COLUMNS": "200", "TMPDIR": str(tmp_path)},
        )
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr

    return run


@pytest.mark.timeout(300)  # each command is a process of its own
def test_a_runtime_from_its_deployment_to_its_end(command):
    (made,) = json.loads(command("deploy", "of-commands", "--memory", "512", "--json"))
    assert made["Worker Name"] == "of-commands"
    assert made["Memory Size"] == 512
    assert made["Runtime Name"] == PYTHON
    assert json.loads(command("update", "of-commands", "--json"))[0]["Version"] == made["Version"]
    assert "Total runtimes: 1" in command("list", "of-commands")
    assert json.loads(command("logs", "of-commands", "--json")) == []
    assert json.loads(command("delete", "of-commands", "--json")) == {"deleted": ["of-commands"]}
    assert json.loads(command("list", "of-commands", "--json")) == []


def test_what_is_refused_is_one_line(command):
    said = command("deploy", "default", "--memory", "1", status=2)
    assert "runtime_memory" in said
    assert len(said.splitlines()) == 1


@pytest.mark.timeout(300)  # each command is a process of its own
def test_runtimes_are_deleted_by_memory_and_version_and_by_clean(command):
    made = {}
    for name, memory in (("small", "333"), ("large", "1024")):
        (made[name],) = json.loads(command("deploy", name, "--memory", memory, "--json"))
    version = made["small"]["Version"]

    def delete(*arguments):
        return json.loads(command("delete", *arguments, "--json"))["deleted"]

    assert delete("small", "-m", "1024") == []
    assert delete("all", "-v", "another") == []
    assert delete("all", "-m", "333", "-v", version) == ["small"]
    assert "a number of MB" in command("delete", "all", "-m", "much", status=2)
    # The server has those of other tests, too.
    assert "large" in json.loads(command("clean", "--json", group=()))["runtimes"]
    assert json.loads(command("list", "--json")) == []
