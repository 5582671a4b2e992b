"""Metrics of real calls, as a Prometheus push gateway and an OpenTelemetry collector get them."""

import base64
import logging
import sys
import time

import pytest

import greenlithops as gl
from greenlithops.errors import ConfigurationError
from greenlithops.telemetry.exporter import close_all
from greenlithops.telemetry.metrics import METRICS, Kind
from support import scripts
from support.metrics import grpc_receiver, http_receiver


@pytest.fixture
def gateway():
    with http_receiver() as received:
        yield received
    close_all()


@pytest.fixture
def collector():
    with http_receiver() as received:
        yield received
        close_all()


def work(number):
    if number == 2:
        raise ValueError(number)
    if number == 3:
        time.sleep(60)
    return number


def run(config, **more):
    everything = {"lithops": {"telemetry_interval": 60}, "localhost": {"max_workers": 2}}
    for name, section in config.items():
        everything[name] = everything.get(name, {}) | section
    with gl.FunctionExecutor(config=everything, **more) as fexec:
        futures = fexec.map(work, [0, 1, 2, 3], timeout=0.5)
        fexec.wait(futures, throw_except=False)
        assert fexec.call_async(work, 5).result() == 5


def of(samples, name, **labels):
    """Return the sum of a metric's series that have these labels."""
    found = [
        value
        for (other, series), value in samples.items()
        if other == name and labels.items() <= dict(series).items()
    ]
    assert found, f"there is no {name} with {labels}"
    return sum(found)


def test_a_push_gateway_gets_what_happened(gateway):
    section = {"gateway": gateway.url, "instance": "here", "job": "nightly"}
    run({"lithops": {"telemetry": "prometheus"}, "prometheus": section}, runtime_memory=4096)
    method, path, _ = gateway.requests[-1]
    assert (method, path) == ("PUT", "/metrics/job/nightly/instance/here")
    samples = gateway.samples
    assert of(samples, "lithops_jobs_submitted_total", function_name="work") == 2
    assert of(samples, "lithops_calls_invoked_total", backend="localhost") == 5
    assert of(samples, "lithops_calls_completed_total", outcome="success") == 3
    assert of(samples, "lithops_calls_completed_total", outcome="failure") == 1
    assert of(samples, "lithops_calls_completed_total", outcome="timeout") == 1
    assert of(samples, "lithops_call_duration_seconds_count", runtime_memory="4096") >= 4
    assert of(samples, "lithops_call_duration_seconds_bucket", le="+Inf") >= 4
    assert of(samples, "lithops_job_calls_bucket", le="1.0") == 1
    assert of(samples, "lithops_worker_cpu_seconds_total", mode="user") >= 0
    assert 0 < of(samples, "lithops_worker_memory_utilization_ratio_sum", kind="peak") < 4
    assert of(samples, "lithops_worker_info") == 1
    assert not any(name.endswith("_created") for name, _ in samples)


def test_energy_goes_with_it(gateway):
    section = {"gateway": gateway.url}
    config = {"lithops": {"telemetry": True}, "prometheus": section}
    run(config, energy="model")
    samples = gateway.samples
    estimated = of(samples, "lithops_energy_joules_total", kind="estimated", method="model")
    assert estimated >= 0
    assert ("lithops_energy_unknown_calls_total") not in {name for name, _ in samples}


def test_sums_go_on_from_executor_to_executor(gateway):
    config = {
        "lithops": {"telemetry": "prometheus"},
        "prometheus": {"apigateway": gateway.url, "username": "me", "password": "secret"},
    }
    run(config)
    run(config)
    assert of(gateway.samples, "lithops_jobs_submitted_total") == 4
    expected = "Basic " + base64.b64encode(b"me:secret").decode()
    assert gateway.headers[-1]["Authorization"] == expected


def test_a_collector_gets_the_same(collector):
    section = {"endpoint": collector.url, "service_name": "nightly", "headers": {"x-who": "me"}}
    run({"lithops": {"telemetry": "otlp"}, "otlp": section})
    assert collector.requests[-1][:2] == ("POST", "/v1/metrics")
    assert collector.headers[-1]["x-who"] == "me"
    exported = collector.exported
    points = exported["lithops_calls_completed"].sum.data_points
    outcomes = {
        attribute.value.string_value: point.as_double or point.as_int
        for point in points
        for attribute in point.attributes
        if attribute.key == "outcome"
    }
    assert outcomes == {"success": 3, "failure": 1, "timeout": 1}
    (duration,) = exported["lithops_call_duration_seconds"].histogram.data_points
    metric = next(m for m in METRICS if m.name == "lithops_call_duration_seconds")
    assert tuple(duration.explicit_bounds) == metric.buckets
    cumulative = 2
    assert exported["lithops_calls_completed"].sum.aggregation_temporality == cumulative
    assert exported["lithops_worker_info"].gauge.data_points[0].as_int == 1


def test_a_collector_gets_it_over_grpc():
    with grpc_receiver() as received:
        section = {"endpoint": received.url, "protocol": "grpc"}
        run({"lithops": {"telemetry": "otlp"}, "otlp": section})
        assert "lithops_jobs_submitted" in received.exported
        close_all()


def test_it_is_sent_while_jobs_run(gateway):
    config = {
        "lithops": {"telemetry": "prometheus", "telemetry_interval": 0.1},
        "prometheus": {"gateway": gateway.url},
        "localhost": {"max_workers": 1},
    }
    with gl.FunctionExecutor(config=config) as fexec:
        future = fexec.call_async(work, 3)
        deadline = time.monotonic() + 20
        while not gateway.requests and time.monotonic() < deadline:
            time.sleep(0.01)
        assert of(gateway.samples, "lithops_calls_invoked_total") == 1
        future.cancel()


def test_a_gateway_that_is_away_fails_no_job(gateway, caplog):
    gateway.status = 503
    with caplog.at_level(logging.WARNING):
        run({"lithops": {"telemetry": "prometheus"}, "prometheus": {"gateway": gateway.url}})
    assert sum("telemetry could not be sent" in text for text in caplog.messages) == 1
    gateway.status = 200
    run({"lithops": {"telemetry": "prometheus"}, "prometheus": {"gateway": gateway.url}})
    assert of(gateway.samples, "lithops_jobs_submitted_total") == 4


PROGRAM = """
import sys
import greenlithops as gl

def inner(x):
    return x + 1

def outer(x):
    return gl.FunctionExecutor().call_async(inner, x).result()

fexec = gl.FunctionExecutor(config={
    "lithops": {"telemetry": "prometheus", "telemetry_interval": 60},
    "prometheus": {"gateway": URL}, "localhost": {"max_workers": 1},
})
print(fexec.call_async(outer, 1).result())
"""


def test_a_program_without_with_sends_it_at_its_end_and_workers_send_nothing(tmp_path, gateway):
    source = PROGRAM.replace("URL", repr(gateway.url))
    assert scripts.run(tmp_path, source).strip() == "2"
    assert len(gateway.requests) == 1
    samples = gateway.samples
    assert of(samples, "lithops_calls_completed_total", function_name="outer") == 1
    assert not any(("function_name", "inner") in series for _, series in samples)


def test_what_is_wrong_is_said():
    with pytest.raises(ConfigurationError, match=r"telemetry.*graphite"):
        gl.FunctionExecutor(config={"lithops": {"telemetry": "graphite"}})
    with pytest.raises(ConfigurationError, match=r"protocol.*pigeon"):
        gl.FunctionExecutor(
            config={"lithops": {"telemetry": "otlp"}, "otlp": {"protocol": "pigeon"}}
        )


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'greenlithops\[telemetry\]'"):
        gl.FunctionExecutor(config={"lithops": {"telemetry": "prometheus"}})


def test_no_label_names_a_call():
    single = {"call_id", "job_id", "job_key", "executor_id", "activation_id", "worker", "index"}
    for metric in METRICS:
        assert not single & set(metric.labels)
        assert (metric.kind is Kind.HISTOGRAM) == bool(metric.buckets)
    assert len({metric.name for metric in METRICS}) == len(METRICS) > 20
