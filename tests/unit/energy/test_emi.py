"""Windows' Energy Meter Interface: its structures, and its calls on libraries of ours."""

import contextlib
import json
import os
import struct
import subprocess
import sys

import pytest

from greenlithops.energy.meters import MeterRefused, emi

PKG, CORES, DRAM = "RAPL_Package0_PKG", "RAPL_Package0_PP0", "RAPL_Package0_DRAM"


def channel(name):
    """Give one counter as ``emi.h`` lays it out: nothing between it and the next one."""
    text = (name + "\0").encode("utf-16-le")
    return struct.pack("<IH", 0, len(text)) + text


def version_2(*names):
    head = "Maker".encode("utf-16-le").ljust(32, b"\0") + "Model".encode("utf-16-le").ljust(
        32, b"\0"
    )
    return head + struct.pack("<HH", 1, len(names)) + b"".join(map(channel, names))


def version_1(name):
    text = (name + "\0").encode("utf-16-le")
    return struct.pack("<I", 0) + b"\0" * 64 + struct.pack("<HH", 1, len(text)) + text


def test_metadata_of_either_version():
    names = (PKG, CORES, DRAM, "RAPL_Package0_Core11_CORE", "Fan")
    found = emi.channels(2, version_2(*names))
    assert [one.name for one in found] == list(names)
    assert [one.domain for one in found] == ["package", "core", "dram", "core", None]
    assert emi.channels(1, version_1(PKG))[0].domain == "package"


@pytest.mark.parametrize("version", [1, 2])
def test_metadata_that_end_early_are_refused(version):
    whole = version_1(PKG) if version == 1 else version_2(PKG, DRAM)
    for size in range(len(whole)):
        with pytest.raises(ValueError, match="end early"):
            emi.channels(version, whole[:size])
    with pytest.raises(ValueError, match="version 3"):
        emi.channels(3, whole)


def test_elsewhere_it_is_refused():
    with pytest.raises(MeterRefused, match="Windows' own"):
        emi.open_meter()


# The functions of Windows that are used, with its names and parameters (a DWORD has 32 bits).
WINDOWS = r"""
#include <stdint.h>
#include <string.h>
#include <wchar.h>
#include "devices.h"  /* DEVICES and NAMES */
static const unsigned char meter[16] = {0x44, 0x83, 0xBD, 0x45, 0xD6, 0x7E, 0xCF, 0x49,
                                        0xA4, 0x40, 0xC2, 0x76, 0xC9, 0x33, 0xB0, 0x53};
static uint32_t last;
static int64_t open_now;
static uint64_t readings;
uint32_t GetLastErrorOfOurs(void) { return last; }
int64_t OpenNow(void) { return open_now; }
int CM_Get_Device_Interface_List_SizeW(uint32_t *n, const void *guid, void *id, uint32_t flags) {
  if (memcmp(guid, meter, 16) || id || flags) return 13;
  *n = sizeof NAMES / sizeof *NAMES;
  return 0;
}
int CM_Get_Device_Interface_ListW(const void *g, void *id, wchar_t *to, uint32_t n,
                                  uint32_t flags) {
  if (memcmp(g, meter, 16) || id || flags || n * sizeof *NAMES < sizeof NAMES) return 13;
  memcpy(to, NAMES, sizeof NAMES);
  return 0;
}
void *CreateFileW(const wchar_t *name, uint32_t access, uint32_t share, void *security,
                  uint32_t how, uint32_t flags, void *model) {
  intptr_t place = name[wcslen(name) - 1] - L'0';
  if (access != 0x80000000u || share != 3 || security || how != 3 || flags || model) return NULL;
  if (!DEVICES[place].opens) { last = 5; return (void *)(intptr_t)-1; }
  open_now++;
  return (void *)(place + 0x7000000000);  /* a handle needs all of its 64 bits */
}
int CloseHandle(void *handle) { open_now--; return 1; }
int DeviceIoControl(void *handle, uint32_t code, void *in, uint32_t in_size, void *out,
                    uint32_t size, uint32_t *used, void *overlapped) {
  struct device *one = &DEVICES[(intptr_t)handle - 0x7000000000];
  unsigned char answer[4096];
  uint32_t have = 0;
  switch (code) {
    case 0x224000: { uint16_t v = one->version; memcpy(answer, &v, have = 2); break; }
    case 0x224004: memcpy(answer, &one->size, have = 4); break;
    case 0x224008: memcpy(answer, one->metadata, have = one->size); break;
    case 0x22400C:
      readings++;
      for (uint32_t part = 0; part < one->parts; part++) {
        uint64_t told[2] = {(1ull << 40) + readings * 1000000000ull * (part + 1), readings};
        memcpy(answer + have, told, 16);
        have += 16;
      }
      break;
    default: last = 1; return 0;
  }
  if (in || in_size || overlapped || size < have) { last = 122; return 0; }
  memcpy(out, answer, *used = have);
  return 1;
}
"""
# Python as it is on Windows, as far as the meter needs it.
PROGRAM = """
import ctypes, json, platform, sys
library = ctypes.CDLL(sys.argv[1])
ctypes.WinDLL = lambda name, use_last_error=False: {"cfgmgr32": library, "kernel32": library}[name]
ctypes.get_last_error = library.GetLastErrorOfOurs
ctypes.WinError = lambda code: OSError(code, f"error {code} of Windows")
platform.system = lambda: "Windows"
from greenlithops.energy.meters import select_meter
from greenlithops.errors import ConfigurationError
try:
    meter = select_meter("emi").meter
except ConfigurationError as error:
    print(json.dumps({"refused": str(error), "open": library.OpenNow()}))
    raise SystemExit
found = {"domains": meter.domains, "totals": meter.totals, "read": [meter.read(), meter.read()]}
found["open"] = library.OpenNow()
meter.close()
print(json.dumps(found | {"left": library.OpenNow()}))
"""


def on_windows(folder, devices):
    """Open the meter where there are devices: version, metadata, counters; None is forbidden."""
    names = "".join(f"\\\\\\\\?\\\\meter#{place}\\0" for place in range(len(devices)))
    rows = []
    for device in devices:
        version, metadata, parts = device or (0, b"", 0)
        data = ", ".join(map(str, metadata)) or "0"
        rows.append(
            f"{{{int(device is not None)}, {version}, {len(metadata)}, {{{data}}}, {parts}}}"
        )
    (folder / "devices.h").write_text(
        "static struct device { int opens; uint32_t version, size; unsigned char metadata[1024];"
        f" uint32_t parts; }} DEVICES[] = {{{', '.join(rows)}}};\n"
        f'static const wchar_t NAMES[] = L"{names}";\n'
    )
    (folder / "windows.c").write_text(WINDOWS)
    library = folder / "windows.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, folder / "windows.c"], check=True)
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, library], capture_output=True, text=True, check=False,
        env=dict(os.environ, PYTHONWARNINGS="error"),
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_devices_are_found_described_and_added_up(tmp_path):
    two = version_2(PKG, DRAM, "RAPL_Package0_Core0_CORE", "RAPL_Package0_Core1_CORE", "Fan")
    found = on_windows(tmp_path, [(2, two, 5), None, (1, version_1("RAPL_Package1_PKG"), 1)])
    assert found["domains"] == ["package", "dram", "core"]
    assert found["totals"] == ["package", "dram"]
    assert (found["open"], found["left"]) == (2, 0)
    # A reading asks both devices in turn, and a step is 10^9 pWh, or 3.6 J, for the first counter
    # of a device, twice as much for its second, and so on.
    step = 3.6
    first = {"package": 2 * 2 * step, "dram": 2 * 2 * step, "core": 2 * (3 + 4) * step}
    for times, told in enumerate(found["read"], 1):
        assert told == pytest.approx({name: times * joules for name, joules in first.items()})


@pytest.mark.parametrize(
    ("devices", "reason"),
    [
        ([], "no energy meter counts the processor"),
        ([None], "error 5 of Windows"),
        ([(2, version_2("Fan"), 1)], "no energy meter counts the processor"),
        ([(2, version_2(PKG)[:-4], 1)], "end early"),
        ([(7, b"\0" * 80, 1)], "version 7 of the interface is not known"),
        ([(2, version_2(PKG, DRAM), 1)], "does not answer"),
    ],
    ids=["none", "forbidden", "fans", "cut", "later", "counters-missing"],
)
def test_refusals_leave_nothing_open(tmp_path, devices, reason):
    found = on_windows(tmp_path, devices)
    assert reason in found["refused"]
    assert found["open"] == 0


def test_a_device_that_goes_ends_the_meter():
    class Device:
        def __init__(self):
            self.answers = True

        def ask(self, _, size):
            if not self.answers:
                raise OSError("the device is gone")
            return struct.pack("<QQ", 10**9, 7)[:size]

        def close(self):
            self.answers = False

    device = Device()
    with contextlib.closing(emi.EmiMeter([(device, (emi.Channel(PKG, 0),))])) as meter:
        assert meter.read() == {"package": 0.0}
        device.answers = False
        with pytest.raises(OSError, match="gone"):
            meter.read()
