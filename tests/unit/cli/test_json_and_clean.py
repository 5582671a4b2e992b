"""Every command gives JSON, completes, and honours each of its options; `clean` deletes all."""

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from greenlithops.cli.app import app
from support import scripts

pytestmark = pytest.mark.timeout(300)  # each command is a process of its own, on a busy machine

#: what prints nothing of its own
OTHERS = {("run",)}


def commands(group, path=()):
    """Give every command with the words that call it."""
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, (*path, name))
        else:
            yield (*path, name), one


def test_every_command_has_json():
    found = dict(commands(typer.main.get_command(app)))
    assert len(found) > 30
    without = {
        path
        for path, one in found.items()
        if not any("--json" in parameter.opts for parameter in one.params)
    }
    assert without == OTHERS


#: the options of Lithops' commands
LITHOPS = """
hello -c --config -b --backend -s --storage -d --debug -r --region -m --map
test -c --config -b --backend -s --storage -d --debug -r --region -t --test -x --exitfirst
clean -c --config -b --backend -s --storage -d --debug -r --region -a --all
attach -c --config -b --backend -d --debug -r --region --start
storage put -k --key -b --backend -d --debug -c --config
storage get -o --out -b --backend -d --debug -c --config
storage delete -p --prefix -b --backend -d --debug -c --config
storage list -p --prefix -b --backend -d --debug -c --config
logs poll
logs get
runtime build -f --file -c --config -b --backend -d --debug
runtime deploy -c --config -b --backend -s --storage --memory --timeout -d --debug
runtime list -c --config -b --backend -s --storage -d --debug
runtime update -c --config -b --backend -s --storage -d --debug
runtime delete -c --config -m --memory -v --version -b --backend -s --storage -d --debug
job list -c --config -b --backend -r --region -d --debug
worker list -c --config -b --backend -r --region -d --debug
image build -f --file -c --config -b --backend -r --region -d --debug -o --overwrite -i --include
image delete -c --config -b --backend -r --region -d --debug
image list -c --config -b --backend -r --region -d --debug
"""


@pytest.mark.parametrize("line", LITHOPS.strip().splitlines(), ids=lambda line: line.split(" -")[0])
def test_every_option_of_lithops_is_there(line):
    words = line.split()
    path = tuple(word for word in words if word[0] != "-")
    one = dict(commands(typer.main.get_command(app)))[path]
    known = {name for parameter in one.params for name in parameter.opts}
    assert {word for word in words if word[0] == "-"} <= known


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_of_commands_and_options(shell):
    program = Path(sys.executable).with_name("greenlithops")

    def completed(line, index):
        variables = {
            "_GREENLITHOPS_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": line,
            "COMP_CWORD": str(index),
            "_TYPER_COMPLETE_ARGS": line,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }
        done = subprocess.run(
            [program], capture_output=True, text=True, check=True, env=os.environ | variables
        )
        return done.stdout

    assert "storage" in completed("greenlithops st", 1)
    assert "--prefix" in completed("greenlithops storage list --pre", 3)


def test_answers_that_were_text_only(command, tmp_path):
    assert "$schema" in json.loads(command("config", "schema", "--json").stdout)
    pods = ("-c", written(tmp_path, {"k8s": {"runtime": "me/image:1"}, "redis": {"host": "x"}}))
    objects = json.loads(command("kubernetes", "manifest", *pods, "--json").stdout)
    assert "Deployment" in {one["kind"] for one in objects}


def written(folder, config):
    """Write a configuration; return its path."""
    path = folder / "other.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def test_options_of_builders_are_passed_on(command, tmp_path):
    program = tmp_path / "podman"
    program.write_text('#!/bin/sh\necho noise\necho "$@" >> "$TMPDIR/said"\n')
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    # What is needed to fetch packages, which go into the image's folder.
    variables = {**os.environ, "PATH": path, "TMPDIR": str(tmp_path)}
    arguments = ("-b", "k8s", "me/image:1", "--json", "--push", "--build-arg", "WHICH=1")
    done = command("runtime", "build", *arguments, **variables)
    assert json.loads(done.stdout) == {"image": "me/image:1", "pushed": True}
    built, pushed = (tmp_path / "said").read_text().splitlines()
    assert "--tag me/image:1 --build-arg WHICH=1 --file" in built
    assert pushed == "push me/image:1"
    done = command("runtime", "build", "-b", "k8s", "-o", tmp_path / "x", "--json", **variables)
    assert json.loads(done.stdout) == {"file": str(tmp_path / "x" / "Containerfile")}


TALKING = """
import lithops

def f(x):
    print("said", x)

if __name__ == "__main__":
    with lithops.FunctionExecutor(config={"lithops": {"call_logs": True}}) as fexec:
        future = fexec.call_async(f, 1)
        future.result()
        print(future.job_key)
"""


def test_logs_as_json(command, tmp_path):
    path = scripts.write(tmp_path, TALKING, "talking.py")
    job = command("run", path).stdout.strip()
    log = json.loads(command("logs", "get", job, "--json").stdout)
    assert log["job"] == job
    assert "said 1" in log["log"]
    with subprocess.Popen(
        [sys.executable, "-m", "greenlithops", "logs", "poll", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as polling:
        while not select.select([polling.stdout], [], [], 0.1)[0]:
            command("run", path)
        seen = [json.loads(polling.stdout.readline())["line"] for _ in range(2)]
        polling.kill()
    assert seen[1] == "said 1"
    assert seen[0].endswith("-A000-00000:")


DURABLE = """
import lithops

def f(x):
    return x

if __name__ == "__main__":
    with lithops.FunctionExecutor(durable=True) as fexec:
        print(fexec.map(f, [1, 2])[0].durable_id)
"""


def test_clean_all_deletes_durable_jobs(command, tmp_path):
    secret = {"GREENLITHOPS_KEY": "a key of this test"}
    path = scripts.write(tmp_path, DURABLE, "durable.py")
    job = command("run", path, **secret).stdout.strip()
    assert json.loads(command("clean", "--json").stdout)["jobs"] == 0
    assert json.loads(command("attach", job, "--json", **secret).stdout)["done"] == 2
    assert "durable jobs: 1" in command("clean", "--all").stdout
    assert "there is no job" in command("attach", job, status=1, **secret).stderr


def test_the_region_of_a_command_is_the_one_in_force(command, tmp_path):
    config = {"lithops": {"backend": "aws_lambda"}, "aws": {"region_name": "eu-west-1"}}
    config["aws_lambda"] = {"execution_role": "arn:aws:iam::123456789012:role/x"}
    path = written(tmp_path, config)
    shown = json.loads(command("config", "show", "-c", path, "--json").stdout)
    assert shown["config"]["aws_lambda"]["region"] == "eu-west-1"
