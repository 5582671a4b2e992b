"""External meters: real exporters' formats over a real HTTP server, files that grow, sockets."""

import http.server
import json
import socket
import threading
import time

import pytest

from greenlithops.cli.energy.probe import look
from greenlithops.energy.meters import MeterRefused, powerapi, prometheus
from support.clock import BUSY
from support.servers.process import free_ports

KEPLER = """\
# HELP kepler_node_cpu_joules_total Energy consumption of cpu at node level in joules
# TYPE kepler_node_cpu_joules_total counter
kepler_node_cpu_joules_total{node_name="n",path="/sys/class/powercap/x",zone="package"} 1234.5
kepler_node_cpu_joules_total{node_name="n",path="",zone="dram"} 34.5
kepler_node_cpu_joules_total{node_name="n",path="",zone="core"} 1e3
kepler_node_cpu_watts{node_name="n",zone="package"} 42
kepler_pod_cpu_joules_total{pod_name="p",zone="package"} 7
"""
OLD_KEPLER = """\
kepler_node_package_joules_total{instance="n",mode="dynamic",package="0"} 100
kepler_node_package_joules_total{instance="n",mode="idle",package="0"} 50
kepler_node_dram_joules_total{instance="n",mode="dynamic",package="0"} 5
"""
SCAPHANDRE = """\
scaph_host_power_microwatts 42000000
scaph_host_energy_microjoules 2500000
scaph_socket_energy_microjoules{socket_id="0"} 2000000
"""
NODE_EXPORTER = """\
node_rapl_package_joules_total{index="0",path="/x"} 10
node_rapl_package_joules_total{index="1",path="/y"} 20
node_rapl_dram_joules_total{index="0",path="/z"} 3
"""
POWERAPI = """\
power_consumption{sensor="s",target="rapl",socket="0"} 30
power_consumption{sensor="s",target="rapl",socket="1"} 12
power_consumption{sensor="s",target="/system.slice",socket="0"} 9
"""


@pytest.mark.parametrize(
    ("page", "found"),
    [
        (KEPLER, {"package": 1234.5, "dram": 34.5, "core": 1000.0}),
        (OLD_KEPLER, {"package": 150.0, "dram": 5.0}),
        (SCAPHANDRE, {"psys": 2.5}),
        (NODE_EXPORTER, {"package": 30.0, "dram": 3.0}),
        (KEPLER + NODE_EXPORTER, {"package": 1234.5, "dram": 34.5, "core": 1000.0}),
        ('up 1\nbroken{ 3\nkepler_node_cpu_joules_total{zone="package"} x\n', {}),
    ],
    ids=["kepler", "old-kepler", "scaphandre", "node-exporter", "two", "none"],
)  # fmt: skip
def test_pages_of_exporters(page, found):
    assert prometheus.joules(page) == pytest.approx(found)


def test_power_of_powerapi():
    assert prometheus.watts(POWERAPI) == 42.0
    assert prometheus.watts(KEPLER) is None


class Exporter:
    """Serves a page that the test changes."""

    def __init__(self):
        outer = self
        self.page, self.status = "", 200

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(outer.page.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/metrics"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self):
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def exporter():
    served = Exporter()
    yield served
    served.close()


def until(condition):
    stop = time.monotonic() + BUSY
    while not condition():
        assert time.monotonic() < stop, "it did not happen in time"
        time.sleep(0.005)


def test_an_exporter_is_read_by_a_thread(exporter, monkeypatch):
    line = 'kepler_node_cpu_joules_total{{zone="package"}} {}\n'
    exporter.page = line.format(1000)
    monkeypatch.setenv(prometheus.VARIABLE, exporter.url)
    meter = prometheus.open_meter(period=0.02)
    assert (meter.name, meter.kind, meter.domains) == ("prometheus", "measured", ("package",))
    assert meter.read() == {"package": 0.0}
    exporter.page = line.format(1010)
    until(lambda: meter.read()["package"] >= 10)
    exporter.page = line.format(3)  # it was started anew
    until(lambda: meter.notes)
    exporter.page = line.format(5)
    before = meter.read()["package"]
    until(lambda: meter._state[0]["package"] >= 12)
    assert meter.read()["package"] >= before
    exporter.status = 500
    until(lambda: meter._failures >= 5)
    with pytest.raises(OSError, match=r"prometheus answers no more: .*500"):
        meter.read()
    meter.close()
    assert not meter._thread.is_alive()


def test_power_is_added_up(exporter):
    exporter.page = POWERAPI
    begin = time.monotonic()
    meter = prometheus.open_meter(exporter.url, period=0.02)
    until(lambda: meter.read()["package"] >= 42 * 0.4)
    told, span = meter.read()["package"], time.monotonic() - begin
    meter.close()
    # Never more than was burned; between two answers, power is taken to go on for two periods.
    assert told <= 42 * (span + 0.04)


async def test_probe_waits_for_a_meter_that_tells_its_power_seldom(exporter, monkeypatch):
    exporter.page = POWERAPI
    monkeypatch.setenv(prometheus.VARIABLE, exporter.url)
    found = await look("prometheus")
    assert found["watts_now"] == pytest.approx(42, rel=0.25)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "does not say where an exporter's page is"),
        ("file:///etc/passwd", "must be an http or https address"),
        (
            "http://127.0.0.1:9/metrics",
            r"127\.0\.0\.1:9/metrics \(GREENLITHOPS_PROMETHEUS\).*refused",
        ),
    ],
)
def test_no_exporter(url, reason, monkeypatch):
    monkeypatch.delenv(prometheus.VARIABLE, raising=False)
    with pytest.raises(MeterRefused, match=reason):
        prometheus.open_meter(url)


def test_a_page_without_energy_is_refused(exporter):
    exporter.page = "up 1\n"
    with pytest.raises(MeterRefused, match="tells no energy of the machine"):
        prometheus.open_meter(exporter.url)


def report(moment, power, target="rapl", part=0):
    return {"timestamp": moment * 1000, "sensor": "s", "target": target, "power": power,
            "socket": part}  # fmt: skip


def test_reports_are_added_up_by_socket():
    total = powerapi.Integral()
    for moment in range(4):
        total.add(report(moment, 10.0))
        total.add(report(moment, 5.0, part=1))
        total.add(report(moment, 99.0, target="/a.slice"))
        total.add(report(moment, 14.0, target="global"))  # the same energy in other words
    assert total.joules == pytest.approx(45.0)
    total.add({"target": "rapl"})
    total.add(report(1000, 10.0))  # after a pause nothing is known
    assert total.joules == pytest.approx(45.0)
    assert powerapi.seconds("2024-01-01T00:00:10+00:00") == 1704067210.0


def test_a_csv_file_that_grows(tmp_path):
    path = tmp_path / "PowerReport.csv"
    path.write_text("timestamp,sensor,target,power\n0,s,rapl,7\n")

    def write():
        with path.open("a") as file:
            for moment in range(1, 40):
                file.write(f"{moment * 1000},s,rapl,{10}\n{moment * 1000},s,/x,3\n")
                file.flush()
                time.sleep(0.01)
            file.write("40000,s,ra")  # half a line

    writer = threading.Thread(target=write)
    writer.start()
    meter = powerapi.open_meter(str(path), period=0.01)
    writer.join()
    until(lambda: meter._state[0]["package"] >= 100)
    time.sleep(0.1)
    assert meter._state[0]["package"] % 10 == 0
    meter.close()


def test_reports_over_a_socket():
    (port,) = free_ports(1)

    def send():
        until(lambda: connected(client, port))
        for moment in range(20):
            line = json.dumps(report(moment, 10.0)).encode() + b"\n"
            client.sendall(line[:7])
            client.sendall(line[7:])
            time.sleep(0.01)

    client = socket.socket()
    sender = threading.Thread(target=send)
    sender.start()
    meter = powerapi.open_meter(f"tcp://127.0.0.1:{port}", period=0.01)
    sender.join()
    until(lambda: meter._source._reports.joules == pytest.approx(190.0))
    meter.close()
    client.close()


def connected(client, port):
    return client.connect_ex(("127.0.0.1", port)) in (0, 106)


def test_no_reports(tmp_path, monkeypatch):
    monkeypatch.delenv(powerapi.VARIABLE, raising=False)
    with pytest.raises(MeterRefused, match="does not say where"):
        powerapi.open_meter()
    with pytest.raises(MeterRefused, match="No such file"):
        powerapi.open_meter(str(tmp_path / "none.csv"))
    (tmp_path / "other.csv").write_text("a,b\n")
    with pytest.raises(MeterRefused, match="no file of power reports"):
        powerapi.open_meter(str(tmp_path / "other.csv"))
    (tmp_path / "empty.csv").write_text("timestamp,target,power\n")
    with pytest.raises(MeterRefused, match=r"no report of the machine has come in 0\.1 s"):
        powerapi.open_meter(str(tmp_path / "empty.csv"), patience=0.1)
