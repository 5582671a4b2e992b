"""The energy log: many writers, killed writers, and every form that others read."""

import csv
import gzip
import http.server
import io
import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from greenlithops import energy
from greenlithops.energy.export import OpenTelemetryExporter, PrometheusExporter, write_csv
from greenlithops.energy.log import EnergyLog, LogRecord, parse, read_logs, record_of_block
from greenlithops.errors import EnergyLogUnreadable, UsageError

WRITERS, EACH = 16, 200


def record(name="work", joules=1.5, **more):
    fields = {
        "what": "call",
        "start": 1_767_225_600.25,
        "window_s": 0.5,
        "cpu_s": 0.4,
        "joules_low": None if joules is None else joules / 2,
        "joules_high": None if joules is None else joules * 2,
        "kind": "unavailable" if joules is None else "estimated",
        "method": "model",
        "scope": "function",
        "domains": {} if joules is None else {"package": joules},
        "index": 3,
    }
    return LogRecord(name=name, joules=joules, **(fields | more))


def test_a_record_is_the_same_after_reading(tmp_path):
    log = EnergyLog(tmp_path / "energy.jsonl")
    written = [record(), record("other", None, reason="no meter"), record(ok=False, gco2e=0.1)]
    log.append(*written[:2])
    log.append(written[2])
    assert list(log.read()) == written
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert lines[0]["time"] == "2026-01-01T00:00:00.250Z"
    assert lines[1]["joules"] is None  # never 0.0
    assert "joules_low" not in lines[1]


def _write(path, writer, gate, key):
    log = EnergyLog(path)
    os.close(key)
    os.read(gate, 1)  # until everybody else has closed the other end too
    for number in range(EACH):
        log.append(record(f"writer {writer} " + "x" * (number % 300), index=number))


def test_sixteen_processes_append_and_nothing_is_lost(tmp_path):
    context = multiprocessing.get_context("fork")
    gate, key = os.pipe()
    path = tmp_path / "energy.jsonl"
    writers = [context.Process(target=_write, args=(path, n, gate, key)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    os.close(key)
    os.close(gate)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
        writer.close()
    found = {(entry.name.split()[1], entry.index) for entry in EnergyLog(path).read()}
    assert found == {(str(w), i) for w in range(WRITERS) for i in range(EACH)}
    assert sum(1 for _ in EnergyLog(path).read()) == WRITERS * EACH
    # In the order in which each of them wrote.
    for writer in range(3):
        mine = [e.index for e in EnergyLog(path).read() if e.name.startswith(f"writer {writer} ")]
        assert mine == sorted(mine)


def test_writers_that_are_killed_spoil_no_line_of_others(tmp_path):
    path = tmp_path / "energy.jsonl"
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from test_energy_log import EnergyLog, record\n"
        "log = EnergyLog(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "while True: log.append(record())\n"
    )
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", code, str(path), here]
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            EnergyLog(path).append(record("mine"))
            writer.send_signal(signal.SIGKILL)
        EnergyLog(path).append(record("mine"))
    names = [entry.name for entry in EnergyLog(path).read(skip_bad=True)]
    assert names.count("mine") == 6


def test_a_half_line_is_named_and_the_next_is_whole(tmp_path):
    log = EnergyLog(tmp_path / "energy.jsonl")
    log.append(record("first"))
    with log.path.open("a") as file:
        file.write('{"v": 1, "what": "ca')
    log.append(record("second"))
    with pytest.raises(EnergyLogUnreadable, match=r"energy\.jsonl:2: this is no JSON"):
        list(log.read())
    assert [entry.name for entry in log.read(skip_bad=True)] == ["first", "second"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[]", "not a record"),
        ('{"v": 1}', "not a record"),
        (json.dumps(record().as_dict() | {"v": 9}), "form 9, and this version reads form 1"),
    ],
)
def test_what_is_not_ours_is_refused(line, reason):
    with pytest.raises(EnergyLogUnreadable, match=reason):
        parse(line)


async def test_blocks_are_logged_without_blocking(tmp_path):
    log = EnergyLog(tmp_path / "energy.jsonl")
    async with energy.measure("a block") as block:
        pass
    await log.append_async(record_of_block(block))
    (found,) = read_logs([log.path])
    assert (found.what, found.name) == ("block", "a block")
    assert found.start == pytest.approx(block.started)
    with pytest.raises(UsageError, match="still runs"):
        record_of_block(energy.measure())


def test_csv_has_what_the_records_have():
    file = io.StringIO(newline="")
    entries = [record(), record("a, b", None), record(domains={"package": 1.0, "dram": 0.5})]
    assert write_csv(entries, file) == 3
    file.seek(0)
    rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["work", "a, b", "work"]
    assert [row["joules"] for row in rows] == ["1.5", "", "1.5"]
    assert [row["joules_dram"] for row in rows] == ["", "", "0.5"]
    assert rows[0]["joules_package"] == "1.5"
    assert rows[0]["time"] == "2026-01-01T00:00:00.250Z"


ENTRIES = (
    record("a", 1.0, gco2e=0.25),
    record("a", 2.0),
    record("b", None),
    record(
        "a", 99.0, what="job", calls=2, machine_joules=50.0, idle_joules=30.0, other_joules=17.0
    ),
)


def test_prometheus_reads_what_we_show():
    registry = CollectorRegistry()
    exporter = PrometheusExporter(registry)
    exporter.add(*ENTRIES[:2])
    exporter.add(*ENTRIES[2:])
    text = generate_latest(registry).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }
    a, b = ("a", "estimated", "model"), ("b", "unavailable", "model")
    assert samples["greenlithops_energy_joules_total", *a] == 3.0
    assert samples["greenlithops_energy_gco2e_total", *a] == 0.25
    assert samples["greenlithops_energy_cpu_seconds_total", *a] == 0.8
    assert samples["greenlithops_energy_calls_total", *a] == 2.0
    assert samples["greenlithops_energy_unknown_calls_total", *b] == 1.0
    assert samples["greenlithops_machine_joules_total", "machine"] == 50.0
    assert samples["greenlithops_machine_joules_total", "idle"] == 30.0
    assert families["greenlithops_energy_joules"].type == "counter"


class Collector(http.server.BaseHTTPRequestHandler):
    """An OTLP receiver for metrics."""

    received: ClassVar = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.received.append((self.path, ExportMetricsServiceRequest.FromString(body)))
        answer = ExportMetricsServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def test_the_machine_is_told_once_however_many_jobs_ran():
    exporter = PrometheusExporter(CollectorRegistry())
    begin = 1_767_225_600.0
    for start, seconds in ((0, 10), (5, 10), (2, 3), (30, 4), (14, 17)):  # 34 s, all at 20 W
        exporter.add(
            record(
                what="job", start=begin + start, window_s=float(seconds),
                machine_joules=20.0 * seconds, idle_joules=5.0 * seconds,
                other_joules=10.0 * seconds,
            )
        )  # fmt: skip
    assert exporter.totals.machine() == pytest.approx(
        {"machine": 680.0, "idle": 170.0, "other": 340.0}
    )


def test_opentelemetry_arrives_over_otlp():
    Collector.received.clear()
    server = http.server.HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/v1/metrics"
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(address), 3_600_000)
        provider = MeterProvider([reader])
        exporter = OpenTelemetryExporter(provider)
        exporter.add(*ENTRIES)
        assert provider.force_flush()
        provider.shutdown()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    path, request = Collector.received[0]
    assert path == "/v1/metrics"
    found = {}
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            assert scope.scope.name == "greenlithops"
            for metric in scope.metrics:
                assert metric.sum.is_monotonic
                for point in metric.sum.data_points:
                    labels = {item.key: item.value.string_value for item in point.attributes}
                    found[metric.name, labels.get("function")] = (metric.unit, point.as_double)
    assert found["greenlithops.energy.joules", "a"] == ("J", 3.0)
    assert found["greenlithops.energy.calls", "a"] == ("{call}", 2.0)
    assert found["hw.energy", None] == ("J", 50.0)
