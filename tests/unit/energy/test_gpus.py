"""NVIDIA's real bindings over a library of ours, compiled here with the names of the driver's."""

import os
import subprocess
import sys

NVML = r"""
#include <stdio.h>
static unsigned long long energy = 5000;
static int calls;
int nvmlInit_v2(void) { return 0; }
int nvmlInitWithFlags(unsigned f) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 4; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d) {
  if (i == 2) return 4;                    /* NVML_ERROR_NO_PERMISSION */
  *d = (void *)(long)(i + 1); return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void *d, unsigned long long *e) {
  if ((long)d == 2) return 3;              /* NVML_ERROR_NOT_SUPPORTED */
  if ((long)d == 4 && ++calls > 3) return 15; /* NVML_ERROR_GPU_IS_LOST */
  *e = energy += 1000; return 0;
}
const char *nvmlErrorString(int r) {
  return r == 3 ? "Not Supported" : r == 4 ? "Insufficient Permissions" : "GPU is lost";
}
"""


#: of four GPUs the second does not count, the third may not be had, and the last is lost later
PROGRAM = """
from greenlithops.energy.meters import select_meter
from greenlithops.errors import ConfigurationError
try:
    meter = select_meter('nvml').meter
except ConfigurationError as error:
    raise SystemExit(str(error))
print([meter.read()['gpu'] for _ in range(4)], meter.notes)
meter.close()
"""


def run_with(folder, code):
    (folder / "nvml.c").write_text(code)
    library = folder / "libnvidia-ml.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, folder / "nvml.c"], check=True)
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False,
        env=dict(os.environ, LD_LIBRARY_PATH=str(folder)),
    )  # fmt: skip


def test_gpus_by_the_real_bindings(tmp_path):
    run = run_with(tmp_path, NVML)
    assert run.returncode == 0, run.stderr
    numbers, _, notes = run.stdout.partition("]")
    joules = [float(one) for one in numbers[1:].split(",")]
    assert joules == sorted(joules)
    assert joules[-1] > joules[0]
    assert "GPU 1 does not count its energy: Not Supported" in notes
    assert "GPU 2 does not count its energy: Insufficient Permissions" in notes
    assert "a GPU has stopped contributing: GPU is lost" in notes


def test_a_driver_that_fails_is_a_refusal(tmp_path):
    run = run_with(tmp_path, NVML.replace("*n = 4; return 0;", "return 999;"))
    assert run.returncode == 1
    assert "The energy meter nvml: the NVIDIA driver does not answer" in run.stderr
    assert "Traceback" not in run.stderr
