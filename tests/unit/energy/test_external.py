"""External meters: real exporters' formats over a real HTTP server, files that grow, sockets."""

import http.server
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

from greenlithops.energy.meters import MeterRefused, emi, powerapi, prometheus
from greenlithops.energy.meters.coefficients import Coefficients
from greenlithops.energy.meters.serverless import lambda_energy, lambda_vcpus

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


def until(condition, seconds=5.0):
    stop = time.monotonic() + seconds
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
    time.sleep(0.5)
    told, span = meter.read()["package"], time.monotonic() - begin
    meter.close()
    assert told == pytest.approx(42 * span, rel=0.25)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "does not say where an exporter's page is"),
        ("file:///etc/passwd", "must be an http or https address"),
        ("http://127.0.0.1:9/metrics", "refused"),
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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

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


def emi_v2(*names):
    data = "Maker".encode("utf-16-le").ljust(32, b"\0") + "Model".encode("utf-16-le").ljust(
        32, b"\0"
    )
    data += struct.pack("<HH", 1, len(names))
    for name in names:
        text = (name + "\0").encode("utf-16-le")
        data += struct.pack("<IH", 0, len(text)) + text
        data += b"\0" * (-len(data) % 4)
    return data


def test_windows_metadata_made_by_hand():
    names = ("RAPL_Package0_PKG", "RAPL_Package0_PP0", "RAPL_Package0_DRAM", "Fan")
    found = emi.channels(2, emi_v2(*names))
    assert [one.name for one in found] == list(names)
    assert [one.domain for one in found] == ["package", "core", "dram", None]
    text = "RAPL_Package0_PKG\0".encode("utf-16-le")
    one = struct.pack("<I", 0) + b"\0" * 64 + struct.pack("<HH", 1, len(text)) + text
    assert emi.channels(1, one)[0].domain == "package"
    with pytest.raises(ValueError, match="end early"):
        emi.channels(2, emi_v2(*names)[:90])
    with pytest.raises(ValueError, match="version 3"):
        emi.channels(3, b"")
    with pytest.raises(MeterRefused, match="Windows' own"):
        emi.open_meter()


def test_windows_counters_add_up():
    class Device:
        def __init__(self):
            self.energy = [0, 0]

        def ask(self, _, size):
            return b"".join(struct.pack("<QQ", one, 7) for one in self.energy)[:size]

        def close(self):
            self.energy = []

    sockets = [Device(), Device()]
    parts = (emi.Channel("RAPL_Package0_PKG", 0), emi.Channel("RAPL_Package0_DRAM", 0))
    meter = emi.EmiMeter([(device, parts) for device in sockets])
    sockets[0].energy, sockets[1].energy = [10**9, 10**8], [2 * 10**9, 0]
    assert meter.read() == pytest.approx({"package": 10.8, "dram": 0.36})
    meter.close()


NVML = r"""
#include <stdio.h>
static unsigned long long energy = 5000;
static int calls;
int nvmlInit_v2(void) { return 0; }
int nvmlInitWithFlags(unsigned f) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d) { *d = (void *)(long)(i + 1); return 0; }
int nvmlDeviceGetTotalEnergyConsumption(void *d, unsigned long long *e) {
  if ((long)d == 2) return 3;              /* NVML_ERROR_NOT_SUPPORTED */
  if ((long)d == 3 && ++calls > 3) return 15; /* NVML_ERROR_GPU_IS_LOST */
  *e = energy += 1000; return 0;
}
const char *nvmlErrorString(int r) { return r == 3 ? "Not Supported" : "GPU is lost"; }
"""


def test_gpus_by_the_real_bindings_on_a_library_of_ours(tmp_path):
    (tmp_path / "nvml.c").write_text(NVML)
    library = tmp_path / "libnvidia-ml.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "nvml.c"], check=True)
    code = (
        "from greenlithops.energy.meters import select_meter\n"
        "meter = select_meter('nvml').meter\n"
        "print([meter.read()['gpu'] for _ in range(4)], meter.notes)\n"
        "meter.close()"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env=dict(os.environ, LD_LIBRARY_PATH=str(tmp_path)),
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    numbers, _, notes = run.stdout.partition("]")
    assert [float(one) for one in numbers[1:].split(",")] == sorted(
        float(one) for one in numbers[1:].split(",")
    )
    assert "GPU 1 does not count its energy" in notes
    assert "a GPU has stopped contributing" in notes


FLAT = Coefficients("flat", 1.0, 4.0, 0.0, low=0.5, high=2.0)


@pytest.mark.parametrize(
    ("memory", "vcpus"), [(512, 0.28943), (1769, 1.0), (10_240, 5.78858), (12_000, 6.0)]
)
def test_the_share_of_a_lambda_function(memory, vcpus):
    assert lambda_vcpus(memory) == pytest.approx(vcpus, rel=1e-4)


def test_lambda_figures_by_hand():
    # 1,769 MB for 10 s at 6 s of CPU: 1 W * 10 s idle, 3 W * 6 s of work, 4 W * 10 s reserved.
    found = lambda_energy(1769, 10.0, 6.0, FLAT)
    assert (found.used, found.reserved, found.low, found.high) == (28.0, 40.0, 19.0, 46.0)
    # The average of AWS, 512 MB, 1 s, at its full share: 3.5 W * 0.28943.
    found = lambda_energy(512, 1.0, 512 / 1769)
    assert found.used == pytest.approx(found.reserved) == pytest.approx(1.01300, rel=1e-4)
    assert found.low < found.used < found.high
    with pytest.raises(ValueError, match="must be positive"):
        lambda_energy(0, 1.0, 1.0)
