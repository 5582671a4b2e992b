"""What executors tell of their calls: pictures, sums and logs."""

import csv
import io
import logging
import shutil
import time
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import greenlithops as gl
from greenlithops.errors import UsageError
from greenlithops.sync import call_logs

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
