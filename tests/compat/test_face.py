"""What else Lithops' face has: retries, modules, functions around calls, plots, summaries, logs."""

import csv
import io
import logging
import os
import pickle
import resource
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import greenlithops as gl
from greenlithops.concurrent import futures as pools
from greenlithops.errors import ConfigurationError, UsageError
from greenlithops.sync import call_logs
from support import scripts

_first = Figure()  # matplotlib keeps its fonts open from its first words on
_first.text(0, 0, "word")
_first.savefig(io.BytesIO())


@pytest.fixture
def logs():
    """The folder for logs, which is everybody's."""
    yield call_logs.folder()
    shutil.rmtree(call_logs.folder())


def echo(x):
    return x


def nap(seconds):
    time.sleep(seconds)
    return seconds


def fails_until(count, folder, x):
    mark = Path(folder) / f"{x}-{time.time_ns()}"
    mark.touch()
    if len(list(Path(folder).glob(f"{x}-*"))) < count:
        raise RuntimeError(f"not yet {x}")
    return x


def attempts(folder, x):
    return len(list(folder.glob(f"{x}-*")))


# Retries.


def test_failed_calls_are_tried_again_at_once(tmp_path):
    fexec = gl.FunctionExecutor(max_workers=2, energy="off")
    with gl.RetryingFunctionExecutor(fexec) as retrying:
        calls = retrying.map(fails_until, [(3, str(tmp_path), 1), (1, str(tmp_path), 2)], retries=2)
        assert [call.result() for call in calls] == [1, 2]  # nobody has waited
        done, pending = retrying.wait(calls)
        assert (done, pending) == (calls, [])
        assert [attempts(tmp_path, n) for n in (1, 2)] == [3, 1]
        assert [call.failure_count for call in calls] == [2, 0]
        assert calls[0].retries == 2
        assert calls[0].input == (3, str(tmp_path), 1)
        assert calls[0].map_kwargs["timeout"] is None
        assert calls[0].done
        assert not calls[0].error
        assert calls[0].stats["worker_func_exec_time"] >= 0
        retrying.clean()


def test_an_error_is_raised_when_the_attempts_are_used_up(tmp_path):
    fexec = gl.FunctionExecutor(max_workers=1, energy="off", config={"lithops": {"retries": 1}})
    with gl.RetryingFunctionExecutor(fexec) as retrying:
        calls = retrying.map(fails_until, [(5, str(tmp_path), 1)])
        with pytest.raises(RuntimeError, match="not yet 1"):
            retrying.wait(calls)
        assert attempts(tmp_path, 1) == 2
        done, _ = retrying.wait(calls, throw_except=False)
        assert done[0].error
        assert calls[0].failure_count == 2  # however often one has waited
        with pytest.raises(RuntimeError, match="not yet 1"):
            calls[0].status()


class Ended:
    """A call as somebody else's executor tells it."""

    error, done = False, True


def test_a_retrying_future_counts_for_any_executor():
    future = gl.RetryingFuture(Ended(), echo, 1, retries=1)
    counted = []
    while future._should_retry():
        future._inc_failure_count()
        counted.append(future.failure_count)
    assert counted == [1, 2]


class Plain:
    """An executor that has nothing but Lithops' methods."""

    def __init__(self, executor):
        self.map, self.wait, self.config = executor.map, executor.wait, executor.config


def test_another_executor_is_made_to_try_again(tmp_path, fexec):
    retrying = gl.RetryingFunctionExecutor(Plain(fexec))
    calls = retrying.map(fails_until, [(2, str(tmp_path), 1), (9, str(tmp_path), 2)], retries=1)
    done, pending = retrying.wait(calls, throw_except=False)
    assert pending == []
    assert [call.error for call in done] == [False, True]
    assert [attempts(tmp_path, n) for n in (1, 2)] == [2, 2]
    with pytest.raises(RuntimeError, match="not yet 2"):
        retrying.wait(calls)


def test_a_call_that_is_given_up_is_not_tried_again(tmp_path, fexec):
    retrying = gl.RetryingFunctionExecutor(fexec)
    calls = retrying.map(nap, [30], retries=5)
    calls[0].cancel()
    done, _ = retrying.wait(calls, timeout=10)
    assert done == calls
    assert calls[0].cancelled
    with pytest.raises(UsageError, match="retries"):
        retrying.map(echo, [1], retries=-1)


# Executors by mode.


@pytest.mark.parametrize("kind", [gl.ServerlessExecutor, gl.StandaloneExecutor])
def test_executors_of_clouds_say_what_is_not_there(kind):
    other = {gl.ServerlessExecutor: "aws_batch", gl.StandaloneExecutor: "aws_ec2"}[kind]
    with pytest.raises(ConfigurationError, match="is not available in this version"):
        kind(backend=other)
    with pytest.raises(ConfigurationError, match="'localhost' is localhost, not"):
        kind(backend="localhost")


# Which modules travel.


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "travelling.py").write_text(
        "import os\nPID = os.getpid()\ndef where():\n    return PID\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield __import__("travelling")
    del sys.modules["travelling"]


@pytest.mark.parametrize(
    ("how", "travels"),
    [
        ({}, True),
        ({"include_modules": ["travelling"]}, True),
        ({"include_modules": None}, False),
        ({"exclude_modules": ["travelling"]}, False),
        ({"include_modules": ["json"]}, False),
        ({"include_modules": ["travelling"], "exclude_modules": ["travelling"]}, True),
    ],
)
def test_modules_travel_by_value_as_they_are_chosen(fexec, module, how, travels):
    # By value, the module keeps the state that it has here; imported, it gets the worker's.
    pids = fexec.map(lambda _: module.where(), [0, 1], **how).get_result()
    assert (set(pids) == {module.PID}) is travels
    assert (fexec.call_async(module.where, (), **how).result() == module.PID) is travels


def test_the_configuration_chooses_modules_too(module):
    config = {"lithops": {"exclude_modules": ["travelling"]}}
    with gl.FunctionExecutor(config=config, max_workers=1, energy="off") as fexec:
        assert fexec.call_async(module.where, ()).result() != module.PID


def test_files_can_be_included(fexec, tmp_path):
    (tmp_path / "somewhere_else.py").write_text("VALUE = 41\n")

    def use(x):
        import somewhere_else  # noqa: PLC0415 - only workers can

        return somewhere_else.VALUE + x

    path = str(tmp_path / "somewhere_else.py")
    assert fexec.map(use, [1], include_modules=[path]).get_result() == [42]


@pytest.mark.parametrize("name", ["no_such_module", "no_such.package", "/no/such/file.py"])
def test_modules_that_are_not_there_are_told(fexec, name):
    with pytest.raises(UsageError, match="include_modules: there is no"):
        fexec.map(echo, [1], include_modules=[name])


# Functions around calls, chunks.


def test_functions_run_around_calls(tmp_path):
    write = 'def {0}():\n    with open("order", "a") as file: file.write("{0} ")\n'
    (tmp_path / "around.py").write_text(write.format("before") + write.format("after"))
    program = """
    import os, greenlithops as gl

    def call(x):
        with open("order", "a") as file: file.write("call ")
        return x

    async def acall(x):
        return call(x)

    if __name__ == "__main__":
        env = {"PRE_RUN": "around.before", "POST_RUN": "around.after"}
        with gl.FunctionExecutor(max_workers=1, energy="off") as fexec:
            fexec.map(call, [1], extra_env=env).get_result()
            os.environ.update(env)
            fexec.call_async(acall, 2).result()
            print(open("order").read())
            os.environ["PRE_RUN"] = "around.nothing"
            try:
                fexec.call_async(call, 3).result()
            except ValueError as error:
                print(error)
    """
    first, second = scripts.run(tmp_path, program).splitlines()
    assert first.split() == ["before", "call", "after"] * 2
    assert "PRE_RUN names 'around.nothing'" in second


def test_a_chunk_is_a_number(fexec):
    assert fexec.map(echo, [1, 2], chunksize=2).get_result() == [1, 2]
    with pytest.raises(UsageError, match="chunksize"):
        fexec.map(echo, [1], chunksize=0)


# Pictures, sums and logs.


def test_plots_show_what_happened(tmp_path):
    with gl.FunctionExecutor(max_workers=2, energy="model") as fexec:
        fexec.map(echo, range(20))
        with pytest.raises(UsageError, match="nothing to plot"):
            fexec.plot([], dst=tmp_path / "x")
        fexec.get_result()
        fexec.plot(dst=tmp_path / "deep" / "run")
        names = {path.name for path in (tmp_path / "deep").iterdir()}
        assert names == {"run_timeline.png", "run_histogram.png", "run_energy.png"}
        for path in (tmp_path / "deep").iterdir():
            assert path.read_bytes().startswith(b"\x89PNG")
            assert path.stat().st_size > 5000


def test_plots_without_energy(tmp_path, fexec):
    fexec.map(echo, range(3)).get_result()
    fexec.plot(dst=str(tmp_path / "run"))
    assert {path.name for path in tmp_path.iterdir()} == {"run_timeline.png", "run_histogram.png"}


def test_the_summary_of_the_jobs(logs):
    with gl.FunctionExecutor(max_workers=2, energy="model", runtime_memory=512) as fexec:
        fexec.map(nap, [0.01, 0.03])
        fexec.call_async(echo, 1)
        fexec.wait()
        fexec.job_summary(cloud_objects_n=3)
        first = fexec.log_path
        fexec.job_summary()
        assert fexec.log_path == first
        with Path(first).open(newline="") as file:
            rows = list(csv.DictReader(file))
    assert [row["Job_ID"] for row in rows] == ["M000", "A001", "Summary"]
    assert [row["Invocations"] for row in rows] == ["2", "1", "3"]
    assert [row["Memory(MB)"] for row in rows] == ["1024", "512", "1536"]
    assert float(rows[0]["AvgRuntime"]) >= 0.02
    joules = [float(row["Energy(J)"]) for row in rows]
    assert joules[2] == pytest.approx(joules[0] + joules[1])
    assert {row["Cost"] for row in rows} == {"0.0"}


def test_an_unknown_figure_is_empty(fexec, logs):
    fexec.call_async(echo, 1).result()
    fexec.job_summary()
    with Path(fexec.log_path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Energy(J)"] for row in rows] == ["", ""]


def chatter(x):
    print("said", x)
    return x


def test_what_calls_print_is_written_down_if_asked_for(fexec, logs):
    fexec.map(chatter, [1]).get_result()
    assert not logs.exists()
    config = {"lithops": {"call_logs": True}}
    with gl.FunctionExecutor(config=config, max_workers=1, energy="off") as talking:
        futures = talking.map(chatter, [1, 2])
        talking.get_result()
    text = call_logs.job_file(futures[0].job_key).read_text()
    assert "said 1" in text
    assert "said 2" in text
    assert (logs / call_logs.ALL_CALLS).read_text() == text
    assert logs.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("key", ["", "../x", "a/b", "a.log"])
def test_only_jobs_have_logs(key):
    with pytest.raises(UsageError, match="not the name of a job"):
        call_logs.job_file(key)


def test_messages_go_where_the_configuration_says(tmp_path, logs):
    logger = logging.getLogger("greenlithops")
    before = logger.level, list(logger.handlers)
    config = {"lithops": {"log_level": "info", "log_filename": str(tmp_path / "log")}}
    try:
        with gl.FunctionExecutor(config=config, max_workers=1, energy="off") as fexec:
            fexec.call_async(echo, 1).result()
            fexec.job_summary()
        assert "the summary of the jobs is in" in (tmp_path / "log").read_text()
    finally:
        logger.setLevel(before[0])
        for handler in set(logger.handlers) - set(before[1]):
            logger.removeHandler(handler)
            handler.close()


# The storage of an executor.


def test_clean_deletes_cloud_objects(tmp_path):
    with gl.FunctionExecutor(max_workers=1, energy="off", root=str(tmp_path)) as fexec:
        objects = [fexec.storage.put_cloudobject(b"content") for _ in range(2)]
        assert fexec.storage.get_cloudobject(objects[0]) == b"content"
        future = fexec.call_async(echo, 1)
        fexec.clean(cs=objects)
        assert fexec.futures == [future]
        with pytest.raises(FileNotFoundError):
            fexec.storage.get_cloudobject(objects[0])


# Futures in other processes.


def test_futures_are_read_in_another_process(fexec, tmp_path):
    futures = fexec.map(echo, [1, 2, 3])
    (tmp_path / "futures").write_bytes(pickle.dumps(futures))
    program = f"""
    import pickle, greenlithops as gl
    futures = pickle.load(open({str(tmp_path / "futures")!r}, "rb"))
    print(gl.get_result(futures), [f.done for f in futures])
    print(futures[0].stats["worker_exec_time"] >= 0)
    """
    assert scripts.run(tmp_path, program).split("\n")[:2] == [
        "[1, 2, 3] [True, True, True]",
        "True",
    ]


# concurrent.futures.


@pytest.mark.parametrize(
    "kind",
    [
        pools.FunctionExecutor,
        pools.LocalhostExecutor,
        pools.ProcessPoolExecutor,
        pools.ThreadPoolExecutor,
    ],
)
def test_pools_are_the_standard_librarys(kind):
    with kind(max_workers=2, energy="off", mp_context=None) as pool:
        assert isinstance(pool, pools.Executor)
        future = pool.submit(pow, 2, 8)
        assert isinstance(future, pools.Future)
        assert future.result() == 256
        assert list(pool.map(lambda a, b: a - b, [5, 6], [1, 2], chunksize=1)) == [4, 4]
        calls = [pool.submit(echo, n) for n in range(5)]
        assert sorted(call.result() for call in pools.as_completed(calls)) == [0, 1, 2, 3, 4]
        assert pools.wait(calls).not_done == set()
        assert isinstance(pool.lithops_executor, gl.FunctionExecutor)


def test_a_pool_takes_over_the_settings_of_an_executor(fexec):
    def settings(_):
        return os.environ["COLOUR"], resource.getrlimit(resource.RLIMIT_DATA)[0]

    with pools.FunctionExecutor(
        executor=fexec, extra_env={"COLOUR": "red"}, runtime_memory=600, execution_timeout=5
    ) as pool:
        assert pool.submit(settings, 0).result() == ("red", 600 << 20)
        with pytest.raises(TimeoutError):
            pool.submit(nap, 30).result(0.1)
        pool.shutdown(wait=False, cancel_futures=True)
    assert fexec.call_async(echo, 1).result() == 1


@pytest.mark.parametrize("other", [object(), threading.Lock()])
def test_a_pool_takes_executors_only(other):
    with pytest.raises(UsageError, match=r"must be a greenlithops\.FunctionExecutor"):
        pools.FunctionExecutor(executor=other)


def test_pools_of_clouds_say_what_is_not_there():
    for kind, other in (
        (pools.ServerlessExecutor, "aws_batch"),
        (pools.StandaloneExecutor, "aws_ec2"),
    ):
        with pytest.raises(ConfigurationError, match="not available"):
            kind(backend=other)


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "greenlithops", "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == f"greenlithops {gl.__version__}"
