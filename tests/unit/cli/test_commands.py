"""The commands: what they print, as tables and as JSON, and how they exit."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from greenlithops.cli.top import JobRow as Row
from greenlithops.cli.top import Panel, View
from support import scripts
from support.clock import BUSY

pytestmark = pytest.mark.timeout(300)  # each command is a process of its own, on a busy machine


def test_help_lists_the_commands(command):
    names = "hello run top test clean attach config storage logs runtime image job worker energy"
    text = command("--help").stdout
    for name in names.split():
        assert f" {name} " in text
        assert "Usage" in command(name, "--help").stdout
    assert command(status=2).stdout == text


def test_shells_can_complete():
    # The command looks for the shell that it was started by; these tests may have none.
    typed = f"{sys.executable} -m greenlithops --show-completion; exit $?"
    done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, check=True)
    assert "complete -o default -F" in done.stdout


def test_hello_on_a_backend(command, tmp_path):
    one = command("hello", "-b", "localhost", "-s", "localhost").stdout
    assert one.startswith("Hello ")
    assert one.endswith("! The backend localhost and the storage localhost work.\n")
    several = command("hello", "-c", tmp_path / "config", "--map", 3, "--json").stdout
    found = json.loads(several)
    assert len(found["answers"]) == len(found["seconds"]) == 3
    assert found["backend"] == "localhost"
    assert "at least 1" in command("hello", "-m", 0, status=2).stderr
    assert "did you mean 'localhost'" in command("hello", "-b", "localhots", status=2).stderr


# Configuration.


def test_the_configuration_is_shown_without_secrets(command, tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(
        "lithops: {storage: minio}\n"
        "minio: {endpoint: 'http://h:9000', access_key_id: me, secret_access_key: hush}\n"
    )
    shown = command("config", "show", "-c", path).stdout
    assert shown.startswith(f"# from {path}\n")
    assert "hush" not in shown
    assert yaml.safe_load(shown)["minio"]["endpoint"] == "http://h:9000"
    answer = json.loads(command("config", "show", "-c", path, "--json").stdout)
    assert answer["origin"] == str(path)
    assert answer["config"]["minio"]["secret_access_key"] == "********"


def test_the_check_tells_what_is_wrong(command, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("lithops: {bakend: localhost, monitoring_interval: 1}\n")
    told = command("config", "check", "-c", path, status=1).stdout.splitlines()
    assert told[0] == "error: lithops.bakend unknown key 'bakend'; did you mean 'backend'?"
    assert told[1].startswith("note: lithops.monitoring_interval is accepted and changes nothing")
    assert told[2] == f"The configuration from {path} cannot be used."
    answer = json.loads(command("config", "check", "-c", path, "--json", status=1).stdout)
    assert answer["usable"] is False
    assert [one["key"] for one in answer["findings"]] == ["bakend", "monitoring_interval"]
    assert "can be used" in command("config", "check").stdout


def test_the_check_tells_what_is_not_there(command, tmp_path):
    path = tmp_path / "cloud.yaml"
    path.write_text(
        "lithops: {backend: singularity, storage: aws_s3}\nsingularity: {runtime: x.sif}\n"
    )
    assert "not available" in command("config", "check", "-c", path, status=1).stdout
    done = command("config", "check", "-c", tmp_path / "none", status=1)
    assert done.stderr.startswith("greenlithops: config_file: there is no file")


def test_the_schema_is_printed(command, tmp_path):
    command("config", "schema", "-o", tmp_path / "schema.json")
    schema = json.loads((tmp_path / "schema.json").read_text())
    assert schema == json.loads(command("config", "schema").stdout)
    assert "lithops" in schema["properties"]


# Objects.


def test_objects_travel_both_ways(command, tmp_path):
    content = os.urandom(3_000_000)
    (tmp_path / "file.bin").write_bytes(content)
    assert "3,000,000 bytes" in command("storage", "put", "file.bin", "storage").stdout
    command("storage", "put", "file.bin", "storage", "-k", "deep/other")
    listed = json.loads(command("storage", "list", "storage", "--json").stdout)
    assert [(one["Key"], one["Size"]) for one in listed] == [
        ("deep/other", 3_000_000),
        ("file.bin", 3_000_000),
    ]
    table = command("storage", "list", "storage", "-p", "deep/").stdout
    assert "deep/other" in table
    assert "Total objects: 1" in table
    answer = json.loads(command("storage", "get", "storage", "deep/other", "--json").stdout)
    assert answer == {"bucket": "storage", "key": "deep/other", "file": "other", "bytes": 3_000_000}
    assert (tmp_path / "other").read_bytes() == content
    command("storage", "get", "storage", "file.bin", "-o", "copy")
    assert (tmp_path / "copy").read_bytes() == content
    assert "Deleted objects: 1" in command("storage", "delete", "storage", "file.bin").stdout
    assert "Deleted objects: 1" in command("storage", "delete", "storage", "-p", "de").stdout
    assert "Total objects: 0" in command("storage", "list", "storage").stdout  # and no error
    command("storage", "put", "file.bin", "storage")
    assert json.loads(command("storage", "empty", "storage", "--json").stdout)["deleted"] == 1


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("storage", "get", "storage", "none"), 1, "there is no bucket 'storage'"),
        (("storage", "delete", "storage", "none"), 1, "there is no bucket 'storage'"),
        (("storage", "delete", "storage"), 2, "say which object"),
        (("storage", "put", "none", "storage"), 1, "No such file"),
        (("storage", "list", "b", "-b", "nowhere"), 2, "unknown storage 'nowhere'"),
        (("runtime", "build", "x"), 1, "has no runtime"),
        (("runtime", "deploy", "x", "--memory", "1"), 1, "serverless backends"),
        (("runtime", "delete", "x"), 1, "serverless backends"),
        (("runtime", "update", "x"), 1, "serverless backends"),
        (("image", "list"), 1, "standalone backends"),
        (("image", "build", "-o", "-i", "a:b"), 1, "standalone backends"),
        (("image", "delete", "x"), 1, "standalone backends"),
        (("job", "list"), 1, "standalone backends"),
        (("worker", "list"), 1, "standalone backends"),
        (("attach",), 1, "standalone backends"),
        (("runtime", "list", "-b", "aws_batch"), 2, "'aws_batch' is not available"),
        (("runtime", "list", "-b", "aws_lambda"), 2, "'execution_role' is missing"),
        (("logs", "get", "1a-0-M000"), 2, "call_logs"),
        (("logs", "get", "../x"), 2, "not the name of a job"),
        (("run", "none.py"), 2, "there is no script 'none.py'"),
        (("top", "none.py"), 2, "there is no script 'none.py'"),
        (("top", "--seconds", "0"), 2, "must be positive"),
        (("test", "-t", "nothing"), 2, "there is no test 'nothing'"),
        (("nothing",), 2, "No such command"),
        (("storage", "nothing"), 2, "No such command"),
        (("test", "-b", "localhost", "-r", "eu"), 2, "unknown key 'region'"),
    ],
)
def test_failures_are_one_line_and_an_exit_code(command, arguments, status, text):
    done = command(*arguments, status=status)
    assert text in done.stderr
    assert done.stderr.startswith("greenlithops: ")
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout


def test_the_runtime_of_this_machine(command):
    (row,) = json.loads(command("runtime", "list", "--json").stdout)
    assert row["Runtime Name"] == sys.executable
    assert "Total runtimes: 0" in command("runtime", "list", "other").stdout


# Programs.


def test_the_self_test_passes(command):
    rows = json.loads(command("test", "--json").stdout)
    assert len(rows) == 7
    assert {row["Result"] for row in rows} == {"passed"}
    assert "objects_are_kept" in command("test", "-t", "help").stdout
    (row,) = json.loads(command("test", "-t", "one_call", "-x", "--json").stdout)
    assert row["Test"] == "one_call"


def test_the_self_test_can_fail(command, tmp_path):
    (tmp_path / "objects").write_text("in the way of the storage's folder")
    rows = json.loads(command("test", "-t", "objects", "--json", status=1).stdout)
    assert [row["Result"] for row in rows] == ["failed"]
    assert rows[0]["Reason"]


TALKING = """
import lithops

def f(x):
    print("said", x)
    return x

if __name__ == "__main__":
    config = {"lithops": {"call_logs": True}, "localhost": {"max_workers": 1}}
    with lithops.FunctionExecutor(config=config) as fexec:
        futures = fexec.map(f, [1, 2])
        fexec.get_result()
        print(futures[0].job_key)
"""


def test_logs_of_calls_are_kept_and_cleaned(command, tmp_path):
    path = scripts.write(tmp_path, TALKING, "talking.py")
    job = command("run", path).stdout.strip()
    assert "said 1" in command("logs", "get", job).stdout
    answer = json.loads(command("clean", "--json").stdout)
    assert answer == {"storage": "localhost", "objects": 0, "jobs": 0, "logs": True, "runtimes": []}
    assert "call_logs" in command("logs", "get", job, status=2).stderr
    assert "logs of calls: none" in command("clean", "-a").stdout


def test_poll_prints_what_calls_print(command, tmp_path):
    path = scripts.write(tmp_path, TALKING, "talking.py")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "greenlithops", "logs", "poll"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as polling:
        # It begins at the end of what is there, whenever that is.
        while not select.select([polling.stdout], [], [], 0.1)[0]:
            command("run", path)
        seen = [polling.stdout.readline() for _ in range(4)]
        polling.send_signal(signal.SIGINT)
        _, errors = polling.communicate(timeout=2 * BUSY)
    assert "said 1\n" in seen
    assert polling.returncode == 130
    assert errors == "greenlithops: interrupted\n"


def test_clean_deletes_what_has_no_key_of_its_own(command, tmp_path):
    program = """
    import lithops
    storage = lithops.Storage()
    storage.put_cloudobject(b"left behind")
    storage.put_object("storage", "mine", b"kept")
    """
    command("run", scripts.write(tmp_path, program, "leaves.py"))
    assert json.loads(command("clean", "--json").stdout)["objects"] == 1
    listed = json.loads(command("storage", "list", "storage", "--json").stdout)
    assert [one["Key"] for one in listed] == ["mine"]


def test_top_watches_a_script(command, tmp_path):
    program = """
    import lithops, sys, time

    def nap(x):
        time.sleep(0.05)

    if __name__ == "__main__":
        with lithops.FunctionExecutor(max_workers=2) as fexec:
            fexec.map(nap, range(40))
            fexec.wait()
        print("end", sys.argv[1:])
    """
    path = scripts.write(tmp_path, program, "naps.py")
    done = command("top", "--seconds", "0.2", path, "--one", "2")
    assert done.stdout.strip() == "end ['--one', '2']"
    assert "calls/s" in done.stderr
    assert "nap" in done.stderr


def test_top_shows_the_programs_of_this_machine(command, tmp_path):
    program = """
    import greenlithops as gl, sys
    if __name__ == "__main__":
        with gl.FunctionExecutor(max_workers=1, energy="off") as fexec:
            fexec.call_async(abs, -1).result()
            print("ready", flush=True)
            sys.stdin.readline()
    """
    process = scripts.start(tmp_path, program, stdin=subprocess.PIPE)
    try:
        assert scripts.line(process) == "ready"
        rows = {row["Program"]: row for row in json.loads(command("top", "--json").stdout)}
        assert rows[process.pid]["Workers"] == 1
        assert "script.py" in rows[process.pid]["Command"]
    finally:
        scripts.finish(process)  # closes its input


def test_the_panel_tells_speed_and_watts():
    panel = Panel()
    panel.draw([View(2, 10.0, [Row("a", "f", 100, 0, 0, 2)])])
    panel._time -= 2
    table = panel.draw([View(2, 30.0, [Row("a", "f", 100, 50, 1, 2)])])
    speed, watts = table.title.split("   ")[:2]
    assert 20 < float(speed.removesuffix(" calls/s")) <= 25
    assert 8 < float(watts.removesuffix(" W")) <= 10
    assert "watts not known" in panel.draw([View(2, None, [])]).title


# Durable jobs.

DURABLE = """
import asyncio, sys, time
import greenlithops as gl

def work(number):
    time.sleep(0.05)
    if number == 3:
        raise ValueError("three")
    return number

async def main():
    storage = gl.AsyncStorage("localhost", root=sys.argv[1])
    async with storage, gl.AsyncExecutor(max_workers=1, storage=storage, energy="off") as executor:
        job = executor.map(work, range(40), durable=True)
        print(job.id, flush=True)
        await job.results(return_exceptions=True)

asyncio.run(main())
"""


def test_a_job_whose_client_died_is_gone_on_with(command, tmp_path):
    secret = {"GREENLITHOPS_KEY": "a key of this test"}
    process = scripts.start(
        tmp_path, DURABLE, tmp_path / "objects", env=os.environ | secret, stdin=subprocess.DEVNULL
    )
    try:
        job = scripts.line(process)
        while not list(tmp_path.glob(f"objects/**/{job}*/plan")):
            time.sleep(0.05)
    finally:
        process.kill()
        scripts.finish(process)
    answer = json.loads(command("attach", job, "--json", status=1, **secret).stdout)
    assert answer == {"job": job, "total": 40, "done": 39, "failed": 1, "cancelled": 0}
    done = command("attach", job, status=1, **secret)
    assert done.stdout.strip() == f"{job}: 40 of 40 calls have ended, 1 failed"
    assert "none" in command("attach", "none", status=1, **secret).stderr


# The command `lithops`.


def test_the_command_lithops_is_made_if_it_is_asked_for(tmp_path):
    scripts_folder = tmp_path / "bin"
    scripts_folder.mkdir()
    program = f"""
    import sysconfig, sys
    from greenlithops.cli import as_lithops
    own = sysconfig.get_path("scripts")
    sysconfig.get_path = lambda name: {str(scripts_folder)!r}
    import shutil
    shutil.copy(own + "/greenlithops", {str(scripts_folder)!r})
    path = as_lithops.install()
    print(path)
    import subprocess
    print(subprocess.run([path, "--version"], capture_output=True, text=True).stdout)
    as_lithops.install()
    as_lithops.remove()
    as_lithops.remove()
    print(path.exists())
    path.write_text("#!/bin/sh\\n# the real one")
    for change in (as_lithops.install, as_lithops.remove):
        try:
            change()
        except ValueError as error:
            print(error)
    print(path.read_text())
    """
    out = scripts.run(tmp_path, program)
    assert out.splitlines()[0] == str(scripts_folder / "lithops")
    assert out.splitlines()[1].startswith("greenlithops ")
    assert out.count("is Lithops' own command") == 2
    assert "False" in out
    assert Path(scripts_folder / "lithops").read_text().endswith("# the real one")
