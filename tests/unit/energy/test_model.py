"""The model against figures worked out by hand, and the processors that it knows."""

import pytest

from greenlithops.energy.meters.coefficients import Coefficients, architecture, coefficients
from greenlithops.energy.meters.model import ModelMeter, open_meter
from greenlithops.energy.meters.serverless import lambda_energy, lambda_vcpus


class Clock:
    name = "given"
    resolution = 0.0

    def __init__(self):
        self.busy_ns = 0
        self.closed = False

    def read(self):
        return self.busy_ns

    def close(self):
        self.closed = True


def cpuinfo(vendor, family, model, stepping=0):
    identity = f"vendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\n"
    return f"processor\t: 0\n{identity}stepping\t: {stepping}\n\n"


INTEL, AMD = "GenuineIntel", "AuthenticAMD"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (cpuinfo(INTEL, 6, 0x55, 4), "Skylake"),
        (cpuinfo(INTEL, 6, 0x55, 7), "Cascade Lake"),
        (cpuinfo(INTEL, 6, 0x4F), "Broadwell"),
        (cpuinfo(INTEL, 6, 0x6A), "Ice Lake"),
        (cpuinfo(INTEL, 6, 0x8F), "Sapphire Rapids"),
        (cpuinfo(AMD, 23, 1), "EPYC 1st Gen"),
        (cpuinfo(AMD, 23, 49), "EPYC 2nd Gen"),
        (cpuinfo(AMD, 25, 1), "EPYC 3rd Gen"),
        (cpuinfo(AMD, 25, 17), "EPYC 4th Gen"),
        (cpuinfo(AMD, 26, 2), "EPYC 5th Gen"),
        ("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "Graviton"),
        (cpuinfo(INTEL, 6, 0xBE), None),
        (cpuinfo(AMD, 25, 0x50), None),
        ("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd03\n", None),
        (cpuinfo("Other", 6, 0x4F), None),
        ("", None),
    ],
)
def test_architectures(text, name):
    assert architecture(text) == name


@pytest.mark.parametrize(
    ("vendor", "name", "watts"),
    [
        ("Amazon EC2", "AWS average", (0.74, 3.5)),
        ("Microsoft Corporation", "Azure average", (0.78, 3.76)),
        ("Google", "GCP average", (0.71, 4.26)),
        ("", "AWS average", (0.74, 3.5)),
    ],
)
def test_an_unknown_processor_gets_its_clouds_average_with_wide_bounds(vendor, name, watts):
    found = coefficients("", vendor)
    assert found.name == name
    assert (found.idle, found.full) == watts
    dynamic = found.full - found.idle
    assert dynamic * found.low == pytest.approx(1.22)
    assert dynamic * found.high == pytest.approx(6.42)


def test_busy_and_idle_watts_of_a_rome_server():
    # Cloud Carbon Footprint: 0.474 W idle, 1.693 W full for each vCPU of an EPYC 2nd Gen.
    clock = Clock()
    meter = ModelMeter(coefficients(cpuinfo(AMD, 23, 49)), clock, vcpus=4)
    assert meter.idle_watts == {"machine": pytest.approx(4 * 0.474)}
    first = meter.read()["machine"]
    clock.busy_ns = 10_000_000_000
    second = meter.read()["machine"]
    # 10 CPU-seconds above idle, and the idle joules of the moment between the two readings.
    assert second - first == pytest.approx(10 * 1.219, abs=0.5)
    assert second - first >= 10 * 1.219
    assert meter.bounds == (0.5, 1.5)
    assert meter.notes == ("coefficients: EPYC 2nd Gen",)
    meter.close()
    assert clock.closed


@pytest.mark.parametrize(
    ("memory_gb", "chips", "watts"),
    [
        (16, 1, 2 * 0.613),  # a chip's 75.10 GB are in its watts
        (100, 1, 2 * 0.613 + (100 - 75.10) * 0.392),
        (200, 2, 2 * 0.613 + (200 - 150.20) * 0.392),
    ],
)
def test_memory_counts_beyond_what_a_chip_has(memory_gb, chips, watts):
    skylake = coefficients(cpuinfo(INTEL, 6, 0x55, 4))
    meter = ModelMeter(skylake, Clock(), vcpus=2, memory_gb=memory_gb, chips=chips)
    assert meter.idle_watts == {"machine": pytest.approx(watts)}


def test_the_model_of_this_machine():
    meter = open_meter()
    first, second = meter.read(), meter.read()
    assert 0 <= first["machine"] < second["machine"]
    low, high = meter.bounds
    assert 0 < low < 1 < high
    meter.close()


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
