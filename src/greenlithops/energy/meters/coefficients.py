"""Published watts per virtual CPU, and which of them this processor has.

Source: Cloud Carbon Footprint, ``ccf-coefficients``, ``output/coefficients-aws-use.csv`` of
2026-03, computed from SPECpower_ssj2008 results: watts of the whole server, at the wall, per
hardware thread, when idle (`idle`) and under full load (`full`), and the memory per chip that these
watts contain. Cloud averages are those of the Cloud Carbon Footprint methodology (appendix I); for
memory beyond what is contained it gives 0.392 W/GB.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Watts of a gigabyte of memory beyond what a chip's watts contain.
MEMORY_WATTS_PER_GB = 0.392


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Watts per virtual CPU.

    Attributes:
        name: the micro-architecture, or whose average it is.
        idle: watts at no load.
        full: watts at full load.
        gb_per_chip: memory that these watts contain.
        low: the dynamic watts, `full` less `idle`, are at least this multiple of what they seem.
        high: and at most this multiple.
    """

    name: str
    idle: float
    full: float
    gb_per_chip: float
    low: float = 0.5
    high: float = 1.5


# The default bounds are wider than what single servers deviate from the mean of their architecture
# in SPECpower: Xeon 8592+ 0.66 of it, 8490H 0.75, 8280L 0.95, EPYC 7742 1.04, EPYC 9654 1.16.
_TABLE = {
    row.name: row
    for row in (
        Coefficients("Broadwell", 0.713, 3.685, 69.65),
        Coefficients("Cascade Lake", 0.690, 4.063, 105.97),
        Coefficients("Coffee Lake", 1.138, 5.422, 19.56),
        Coefficients("EPYC 1st Gen", 0.847, 2.604, 92.44),
        Coefficients("EPYC 2nd Gen", 0.474, 1.693, 129.78),
        Coefficients("EPYC 3rd Gen", 0.456, 1.957, 137.14),
        Coefficients("EPYC 4th Gen", 0.739, 2.282, 152.20),
        # The published mean of this generation (3.68, 8.96 W) mixes in its desktop-class parts. The
        # figures are the fourth generation's; the bounds reach from the EPYC 9965 servers of
        # SPECpower, 2025 (650 W above idle for 768 threads) to the published mean.
        Coefficients("EPYC 5th Gen", 0.739, 2.282, 152.20, low=0.55, high=3.42),
        Coefficients("Emerald Rapids", 0.814, 4.482, 160.0),
        Coefficients("Granite Rapids", 0.582, 2.527, 221.14),
        Coefficients("Graviton", 0.474, 1.693, 129.78),
        Coefficients("Haswell", 1.857, 5.595, 31.06),
        Coefficients("Ice Lake", 0.767, 3.758, 136.0),
        Coefficients("Ivy Bridge", 1.707, 5.557, 13.33),
        Coefficients("Sandy Bridge", 2.212, 8.631, 17.07),
        Coefficients("Sapphire Rapids", 1.036, 4.160, 130.80),
        Coefficients("Skylake", 0.613, 4.104, 75.10),
    )
}

#: Watts where the processor is not known.
# It may be any of the table: the least and the most dynamic watts in it are 1.22
# (EPYC 2nd Gen) and 6.42 (Sandy Bridge), as multiples of each average's own.
AVERAGES = {
    name: Coefficients(name, idle, full, gb, low=1.22 / (full - idle), high=6.42 / (full - idle))
    for name, idle, full, gb in (
        ("AWS average", 0.74, 3.5, 80.69),
        ("Azure average", 0.78, 3.76, 83.66),
        ("GCP average", 0.71, 4.26, 69.65),
        ("cloud average", 0.743, 3.84, 78.0),  # the mean of these three, where none is published
    )
}

_INTEL_MODELS = {  # family 6, as in Linux' intel-family.h
    **dict.fromkeys((0x2A, 0x2D), "Sandy Bridge"),
    **dict.fromkeys((0x3A, 0x3E), "Ivy Bridge"),
    **dict.fromkeys((0x3C, 0x3F, 0x45, 0x46), "Haswell"),
    **dict.fromkeys((0x3D, 0x47, 0x4F, 0x56), "Broadwell"),
    **dict.fromkeys((0x4E, 0x5E), "Skylake"),
    **dict.fromkeys((0x8E, 0x9E), "Coffee Lake"),
    **dict.fromkeys((0x6A, 0x6C), "Ice Lake"),
    0x8F: "Sapphire Rapids",
    0xCF: "Emerald Rapids",
    **dict.fromkeys((0xAD, 0xAE), "Granite Rapids"),
}
_SKYLAKE_SERVER, _CASCADE_LAKE_STEPPING = 0x55, 5
_ARM_PARTS = {"0xd0c", "0xd40", "0xd4f"}  # Neoverse N1, V1, V2: Graviton 2, 3, 4

_CLOUDS = {"amazon": "AWS average", "microsoft": "Azure average", "google": "GCP average"}


def coefficients(cpuinfo: str, vendor: str = "") -> Coefficients:
    """Return the coefficients for a processor.

    Args:
        cpuinfo: the text of ``/proc/cpuinfo``; empty where there is none.
        vendor: who made the machine, in the words of its firmware (``Amazon EC2``, ``Google`` …):
            decides which cloud's average is taken for a processor that is not in the table.
    """
    name = architecture(cpuinfo)
    if name is not None:
        return _TABLE[name]
    words = vendor.lower()
    average = next((name for word, name in _CLOUDS.items() if word in words), "AWS average")
    return AVERAGES[average]


def of_architecture(name: str) -> Coefficients:
    """Return the coefficients of a micro-architecture of the table.

    Raises:
        KeyError: it is not in the table.
    """
    return _TABLE[name]


def architecture(cpuinfo: str) -> str | None:
    """Return the micro-architecture that ``/proc/cpuinfo`` describes, or None if unknown."""
    first = cpuinfo.split("\n\n", 1)[0]
    fields = {}
    for line in first.splitlines():
        key, _, value = line.partition(":")
        fields[key.strip()] = value.strip()
    if fields.get("CPU implementer") == "0x41":
        return "Graviton" if fields.get("CPU part") in _ARM_PARTS else None
    try:
        family, model = int(fields["cpu family"]), int(fields["model"])
        stepping = int(fields.get("stepping", "0"))
    except (KeyError, ValueError):
        return None
    if fields.get("vendor_id") == "GenuineIntel" and family == 6:  # noqa: PLR2004
        if model == _SKYLAKE_SERVER:
            return "Cascade Lake" if stepping >= _CASCADE_LAKE_STEPPING else "Skylake"
        return _INTEL_MODELS.get(model)
    if fields.get("vendor_id") == "AuthenticAMD":
        return _epyc(family, model)
    return None


def _epyc(family: int, model: int) -> str | None:
    """Tell the server generations by family and model, as the kernel's AMD code does."""
    servers = {
        (0x17, 0x0): "EPYC 1st Gen",
        (0x17, 0x3): "EPYC 2nd Gen",
        (0x19, 0x0): "EPYC 3rd Gen",
        (0x19, 0x1): "EPYC 4th Gen",
        (0x19, 0xA): "EPYC 4th Gen",
        (0x1A, 0x0): "EPYC 5th Gen",
        (0x1A, 0x1): "EPYC 5th Gen",
    }
    return servers.get((family, model >> 4))
