"""Durable jobs of the blocking face: collected in another process, and gone on with there."""

import collections
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

import greenlithops as gl
from greenlithops.errors import NoSuchJob, StorageError, UsageError
from support import scripts

BEGIN = """
import pickle, sys, time
import lithops

def work(number):
    time.sleep(0.05)
    with open(LOG, "a") as file:
        file.write(f"{number}\\n")
    if number == 3:
        raise ValueError("three")
    return number * number

fexec = lithops.FunctionExecutor(durable=True)
futures = fexec.map(work, range(40))
with open("futures.pickle", "wb") as file:
    pickle.dump(futures, file)
print(futures[0].durable_id, flush=True)
fexec.wait(futures, throw_except=False)
"""

COLLECT = """
import pickle
import lithops

with open("futures.pickle", "rb") as file:
    futures = pickle.load(file)
fexec = lithops.FunctionExecutor()
done, pending = fexec.wait(futures, throw_except=False)
print(len(done), len(pending), futures[3].error, futures[5].call_id)
print(sum(f.result() for f in futures if not f.error))
print(futures[5].stats["worker_func_exec_time"] > 0.04)
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("GREENLITHOPS_KEY", "a key of this test")
    config = {"localhost": {"root": str(tmp_path / "objects"), "max_workers": 2}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("LITHOPS_CONFIG_FILE", str(tmp_path / "config.yaml"))
    return tmp_path


def begun(folder):
    """Start the program that begins a durable job; return it and the job's id."""
    source = BEGIN.replace("LOG", repr(str(folder / "log")))
    process = scripts.start(folder, "import greenlithops.as_lithops\n" + source)
    return process, process.stdout.readline().strip()


def killed(process, folder, calls):
    """Kill a program when so many calls have run."""
    log, limit = folder / "log", time.monotonic() + 30
    while not log.exists() or len(log.read_text().split()) < calls:
        assert time.monotonic() < limit
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_pickled_futures_are_collected_while_their_program_runs(place):
    process, _ = begun(place)
    found = scripts.run(place, "import greenlithops.as_lithops\n" + COLLECT)
    assert found.split() == [
        "40",
        "0",
        "True",
        "00005",
        str(sum(n * n for n in range(40)) - 9),
        "True",
    ]
    scripts.finish(process)
    ran = collections.Counter((place / "log").read_text().split())
    assert set(ran.values()) == {1}


def test_a_program_that_ends_at_once_has_written_down_what_it_ran(place):
    source = BEGIN.replace("LOG", repr(str(place / "log"))).replace("range(40)", "range(3)")
    job = scripts.run(place, "import greenlithops.as_lithops\n" + source).strip()
    with gl.FunctionExecutor() as fexec:
        assert fexec.get_result(fexec.attach(job)) == [0, 1, 4]
    assert sorted((place / "log").read_text().split()) == ["0", "1", "2"]


def test_a_storage_that_cannot_be_used_fails_every_call(place):
    (place / "taken").write_text("no folder")
    config = {"localhost": {"root": str(place / "taken" / "objects")}}
    with gl.FunctionExecutor(durable=True, config=config) as fexec:
        futures = fexec.map(abs, range(3))
        with pytest.raises(StorageError, match="taken"):
            fexec.get_result(futures)
        assert [future.error for future in futures] == [True] * 3


def test_attach_goes_on_after_the_program_died(place):
    process, job = begun(place)
    killed(process, place, 10)
    with gl.FunctionExecutor() as fexec:
        futures = fexec.attach(job)
        assert len(futures) == 40
        assert futures[0].function_name == "work"
        fexec.wait(futures, throw_except=False)
        assert [f.result() for f in futures if not f.error] == [n * n for n in range(40) if n != 3]
    ran = collections.Counter((place / "log").read_text().split())
    assert len(ran) == 40


def command(folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "greenlithops", "attach", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=scripts.LIMIT,
        check=False,
    )
    return done.returncode, done.stdout


def test_the_command_writes_the_results(place):
    process, job = begun(place)
    code, text = command(place, job, "--results", "-")
    rows = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert code == 1  # a call has failed
    assert rows[4] == {"index": 4, "result": 16}
    assert rows[3] == {"index": 3, "error": "ValueError: three"}
    assert len(rows) == 40
    code, _ = command(place, job, "--results", "results.pickle")
    scripts.finish(process)
    import pickle  # noqa: PLC0415 - here alone

    results = pickle.loads((place / "results.pickle").read_bytes())
    assert results[4] == 16
    assert isinstance(results[3], ValueError)


def test_what_is_not_there_is_said():
    with gl.FunctionExecutor() as fexec, pytest.raises(NoSuchJob):
        fexec.attach("20260101-000000-00000000")


def test_what_cannot_be_kept_is_said():
    with gl.FunctionExecutor(durable=True) as fexec:
        first = fexec.map(abs, [1])
        with pytest.raises(UsageError, match="durable"):
            fexec.map(abs, first)
        assert first.get_result() == [1]
