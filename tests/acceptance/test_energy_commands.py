"""`greenlithops energy`, as users run it: real commands, their exit codes, and honest figures."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from test_energy_log import record

from greenlithops.energy.log import EnergyLog
from support import scripts

ENERGY = (sys.executable, "-c", "from greenlithops.cli import main; main()", "energy")
SPIN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"


def run(*arguments, status=0, **options):
    """Run a command of `greenlithops energy`; return what it printed, and its errors."""
    done = subprocess.run(
        [*ENERGY, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=scripts.LIMIT,
        check=False,
        **options,
    )
    assert done.returncode == status, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def start(*arguments):
    return subprocess.Popen(
        [*ENERGY, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


# probe


def test_probe_says_what_is_used_and_why_not_the_rest():
    out, _ = run("probe", "--json")
    found = json.loads(out)
    assert found["kind"] in {"measured", "estimated"}
    assert found["meter"] in found["meters"]
    before = found["meters"][: found["meters"].index(found["meter"])]
    assert [refusal["meter"] for refusal in found["refused"]] == before
    assert all(refusal["reason"] for refusal in found["refused"])
    assert found["watts_now"] > 0
    assert found["cpu_clock"]
    text, _ = run("probe")
    assert text.startswith(f"Meter       {found['meter']}, {found['kind']}")
    for refusal in found["refused"]:
        assert f"Not used    {refusal['meter']}: " in text


def test_probe_fails_where_there_are_no_figures():
    out, _ = run("probe", "--meter", "off", "--json", status=1)
    assert json.loads(out)["kind"] == "unavailable"
    text, _ = run("probe", "--meter", "off", status=1)
    assert "none: energy is switched off" in text


def test_probe_fails_where_figures_are_not_of_the_kind_that_is_required():
    out, _ = run("probe", "--meter", "model", "--json", "--require", "estimated")
    assert json.loads(out)["meter"] == "model"
    run("probe", "--meter", "model", "--require", "measured", status=1)
    _, errors = run("probe", "--require", "perfect", status=2)
    assert "'measured' or 'estimated', not 'perfect'" in errors


def test_an_unknown_meter_is_misuse():
    _, errors = run("probe", "--meter", "perpetuum", status=2)
    assert errors.count("\n") == 1
    assert "perpetuum" in errors


# record


def test_record_leaves_the_command_as_it_is(tmp_path):
    log = tmp_path / "energy.jsonl"
    code = SPIN + "\nimport sys; print(sys.stdin.read()); sys.exit(7)"
    out, errors = run(
        "record", "-o", log, "--", sys.executable, "-c", code, input="hello", status=7
    )
    assert out == "hello\n"
    assert "J " in errors
    (line,) = EnergyLog(log).read()
    assert (line.what, line.ok, line.scope) == ("command", False, "process")
    assert line.name.startswith(Path(sys.executable).name)
    assert 0.28 < line.cpu_s < 2
    assert line.joules > 0
    assert line.joules <= line.machine_joules * (1 + 1e-9)


def test_record_counts_children_that_were_waited_for():
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {SPIN!r}])"
    _, errors = run("record", "--json", "--", sys.executable, "-c", code)
    found = json.loads(errors)
    assert found["exit_code"] == 0
    assert found["cpu_s"] > 0.29
    assert found["joules"] > 0


def test_record_passes_options_on_to_the_command():
    out, _ = run("record", "--meter", "model", "echo", "--json", "-o", "--help")
    assert out == "--json -o --help\n"


@pytest.mark.parametrize(
    ("command", "status"),
    [(["there-is-no-such-command"], 127), ([os.devnull], 126), (["sh", "-c", "kill -9 $$"], 137)],
)
def test_record_exits_as_shells_do(command, status):
    run("record", "--", *command, status=status)


def test_record_passes_signals_on():
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "print('ready', flush=True)\n"
        "time.sleep(30)"
    )
    process = start("record", "--", sys.executable, "-c", code)
    scripts.line(process)
    process.terminate()
    _, errors = scripts.finish(process)
    assert process.returncode == 5
    assert "J" in errors


def test_record_tells_of_a_missing_folder_before_it_runs(tmp_path):
    out, errors = run("record", "-o", tmp_path / "no" / "log", "--", "echo", "ran", status=1)
    assert out == ""
    assert "no" in errors


# watch


def test_watch_prints_lines_of_a_log(tmp_path):
    log = tmp_path / "energy.jsonl"
    out, _ = run("watch", "--interval", "0.05", "--count", "3", "--json", "-o", log)
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 3
    assert all(line["what"] == "sample" and line["joules"] > 0 for line in lines)
    assert [line["start"] for line in lines] == [line.start for line in EnergyLog(log).read()]
    for before, after in itertools.pairwise(lines):
        assert after["start"] == pytest.approx(before["start"] + before["window_s"])
    text, _ = run("watch", "--interval", "0.05", "--count", "2")
    assert text.count(" W  ") >= 2


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_watch_ends_when_it_is_told(number, status):
    process = start("watch", "--interval", "0.05")
    scripts.line(process)
    process.send_signal(number)
    scripts.finish(process)
    assert process.returncode == status


def test_watch_ends_quietly_when_nobody_reads_on():
    process = start("watch", "--interval", "0.05", "--json")
    assert json.loads(process.stdout.readline())["what"] == "sample"
    process.stdout.close()
    assert process.wait(timeout=scripts.LIMIT) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


def test_watch_serves_metrics():
    process = start("watch", "--interval", "0.05", "--prometheus", "127.0.0.1:0")
    port = process.stderr.readline().rsplit(maxsplit=1)[-1]
    for _ in range(3):
        scripts.line(process)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:  # noqa: RUF100, S310 - ours
        text = answer.read().decode()
    process.terminate()
    scripts.finish(process)
    assert process.returncode == 0
    samples = {
        (sample.name, sample.labels.get("domain")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["greenlithops_node_watts", "total"] > 0
    assert samples["greenlithops_node_joules_total", None] > 0
    assert ("greenlithops_node_busy_cpus", None) in samples


def test_watch_is_refused_what_makes_no_sense():
    _, errors = run("watch", "--interval", "0", status=2)
    assert "at least 0.01" in errors
    _, errors = run("watch", "--count", "0", status=2)
    assert "--count" in errors
    _, errors = run("watch", "--prometheus", "everywhere", status=2)
    assert "ADDRESS:PORT" in errors
    _, errors = run("watch", "--meter", "off", "--count", "1", status=1)
    assert "no energy meter" in errors


# report


@pytest.fixture
def log(tmp_path):
    log = EnergyLog(tmp_path / "energy.jsonl")
    log.append(record("a", 1.0), record("a", 2.0), record("b", None, ok=False))
    return log


def test_report_sums_up(log, tmp_path):
    page, table = tmp_path / "page.html", tmp_path / "table.csv"
    out, _ = run("report", log.path, "-o", page, "--csv", table, "--title", "Monday")
    assert out.startswith("3 records\n")
    assert "unknown" in out
    assert "<title>Monday</title>" in page.read_text()
    assert len(table.read_text().splitlines()) == 4
    out, _ = run("report", log.path, log.path, "--json")
    found = json.loads(out)
    assert found["records"] == 6
    assert found["functions"][0]["joules"] == 6.0
    assert found["functions"][1]["joules"] is None


def test_report_counts_what_it_passes_over(log):
    with log.path.open("a") as file:
        file.write('{"half": ')
    out, errors = run("report", log.path)
    assert out.startswith("3 records\n")
    assert "1 line passed over" in errors


def test_report_fails_without_records(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "other").write_text("something else\n")
    _, errors = run("report", tmp_path / "empty", status=1)
    assert "no record of an energy log" in errors
    _, errors = run("report", tmp_path / "other", status=1)
    assert "is not an energy log" in errors
    _, errors = run("report", tmp_path / "missing", status=1)
    assert "missing" in errors


# calibrate


def test_calibrate_exercises_the_machine(tmp_path):
    load = tmp_path / "load.jsonl"
    _, errors = run("calibrate", "--exercise", load, "--seconds", "1.2")
    assert "0 of" in errors
    assert f"{os.cpu_count()} of {os.cpu_count()} CPUs busy" in errors
    samples = list(EnergyLog(load).read())
    assert len(samples) >= 3
    # Other programs may keep the machine as busy as that all the time; never less.
    assert max(s.cpu_s / s.window_s for s in samples) > 0.5


def test_calibrate_fits(tmp_path):
    load, meter, saved = (tmp_path / name for name in ("load.jsonl", "meter.csv", "found.json"))
    begin = 1_767_225_600.0
    samples = [
        record("machine", 1.0, what="sample", start=begin + i, window_s=1.0, cpu_s=float(i % 3))
        for i in range(30)
    ]
    EnergyLog(load).append(*samples)
    rows = [f"{s.end},{30 + 10 * s.cpu_s}" for s in samples]
    meter.write_text("\n".join(["time,watts", f"{begin},30", *rows]))
    out, _ = run("calibrate", meter, "--load", load, "--save", saved, "--json")
    found = json.loads(out)
    assert found["idle_watts"] == pytest.approx(30)
    assert found["dynamic_watts"] == pytest.approx(10)
    assert found["r2"] == pytest.approx(1)
    assert json.loads(saved.read_text()) == found
    out, _ = run("calibrate", meter, "--load", load)
    assert out.startswith("30.00 ± 0.00 W idle, 10.00 ± 0.00 W for each busy CPU (R² 1.000")


def test_calibrate_refuses_rather_than_invents(tmp_path):
    load, meter = tmp_path / "load.jsonl", tmp_path / "meter.csv"
    begin = time.time()
    samples = [
        record("machine", None, what="sample", start=begin + i, window_s=1.0, cpu_s=0.5)
        for i in range(20)
    ]
    EnergyLog(load).append(*samples)
    meter.write_text("time,watts\n" + "\n".join(f"{begin + i},{40 + i}" for i in range(20)))
    _, errors = run("calibrate", meter, "--load", load, status=1)
    assert "the load varied by 0%" in errors
    _, errors = run("calibrate", meter, status=2)
    assert "--load" in errors
    _, errors = run("calibrate", meter, "--load", load, "--exercise", load, status=2)
    assert "--exercise goes alone" in errors
