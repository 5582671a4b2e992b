"""Watts of clouds' machine types: which processors a provider says that a series runs on.

Sources: "Amazon EC2 instance types" (specifications by family), "Sizes for virtual machines in
Azure" (a page for each series), and "CPU platforms" of Google's Compute Engine. Compared entry by
entry in November 2026: Azure's with the specifications that these pages include; AWS's of the
series c, m, r and t up to the fifth generation, and Graviton 2, with the instance types of Cloud
Carbon Footprint, which has another processor for t2 alone. Of later ones only m6a, m6i, m7a, m7i,
m8i and r7i, and of Google's c4 and n2, were seen anywhere else. The others stand as they were
written.
Where a series runs on several processors, the watts are
the mean of theirs, and the bounds reach from the least of them to the most.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlithops.energy.meters.coefficients import Coefficients, of_architecture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_XEON = ("Haswell", "Broadwell", "Skylake", "Cascade Lake", "Ice Lake", "Emerald Rapids")
_FIRST = ("Skylake", "Cascade Lake")
_AWS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("c3", "i2", "m3", "r3"), ("Ivy Bridge",)),
    **dict.fromkeys(("c4", "d2"), ("Haswell",)),
    **dict.fromkeys(("m4", "t2"), ("Haswell", "Broadwell")),
    **dict.fromkeys(("i3", "p2", "p3", "r4", "g3"), ("Broadwell",)),
    **dict.fromkeys(("c5", "c5d", "m5", "m5d", "r5", "r5d", "t3", "i3en", "c5n", "z1d"), _FIRST),
    **dict.fromkeys(("m5n", "m5dn", "r5n", "r5dn", "r5b", "m5zn", "d3", "g4dn"), ("Cascade Lake",)),
    **dict.fromkeys(("m5a", "m5ad", "r5a", "r5ad", "t3a"), ("EPYC 1st Gen",)),
    **dict.fromkeys(("c5a", "c5ad", "g4ad", "g5"), ("EPYC 2nd Gen",)),
    **dict.fromkeys(("c6a", "m6a", "r6a", "p5", "hpc6a", "g6"), ("EPYC 3rd Gen",)),
    **dict.fromkeys(("c7a", "m7a", "r7a", "hpc7a"), ("EPYC 4th Gen",)),
    **dict.fromkeys(("c8a", "m8a", "r8a"), ("EPYC 5th Gen",)),
    **dict.fromkeys(
        ("c6i", "c6id", "c6in", "m6i", "m6id", "m6in", "m6idn", "r6i", "r6id", "r6in", "i4i"),
        ("Ice Lake",),
    ),
    **dict.fromkeys(
        ("c7i", "c7i-flex", "m7i", "m7i-flex", "r7i", "r7iz", "u7i"), ("Sapphire Rapids",)
    ),
    **dict.fromkeys(("i7i", "i7ie"), ("Emerald Rapids", "Sapphire Rapids")),
    **dict.fromkeys(
        ("c8i", "c8i-flex", "m8i", "m8i-flex", "r8i", "r8i-flex"), ("Granite Rapids",)
    ),
    **dict.fromkeys(
        [
            *("c6g", "c6gd", "c6gn", "m6g", "m6gd", "r6g", "r6gd", "t4g", "im4gn", "is4gen"),
            *("x2gd", "g5g", "i4g", "c7g", "c7gd", "c7gn", "m7g", "m7gd", "r7g", "r7gd"),
            *("c8g", "c8gd", "c8gn", "m8g", "m8gd", "r8g", "r8gd", "x8g", "i8g", "hpc7g"),
        ],
        ("Graviton",),
    ),
}  # fmt: skip
_GCP: Mapping[str, Sequence[str]] = {
    "n1": ("Sandy Bridge", "Ivy Bridge", "Haswell", "Broadwell", "Skylake"),
    "n2": ("Cascade Lake", "Ice Lake"),
    "n2d": ("EPYC 2nd Gen", "EPYC 3rd Gen"),
    "c2": ("Cascade Lake",),
    "c2d": ("EPYC 3rd Gen",),
    "t2d": ("EPYC 3rd Gen",),
    "c3": ("Sapphire Rapids",),
    "h3": ("Sapphire Rapids",),
    "c3d": ("EPYC 4th Gen",),
    "c4": ("Emerald Rapids", "Granite Rapids"),
    "c4d": ("EPYC 5th Gen",),
    "n4": ("Emerald Rapids",),
    "a2": ("Cascade Lake",),
    "g2": ("Cascade Lake",),
    "m3": ("Ice Lake",),
}
_AZURE: Sequence[tuple[str, Sequence[str]]] = (
    (r"[DE]\d+(-\d+)?a\w*_v4", ("EPYC 2nd Gen", "EPYC 3rd Gen")),
    (r"[DE]\d+(-\d+)?a\w*_v5", ("EPYC 3rd Gen", "EPYC 4th Gen")),
    (r"[DEF]\d+(-\d+)?a\w*_v6", ("EPYC 4th Gen",)),
    (r"[DEF]\d+(-\d+)?a\w*_v7", ("EPYC 5th Gen",)),
    (r"[DE]\d+(-\d+)?[bdils]*_v3", _XEON),
    (
        r"[DE]\d+(-\d+)?[bdils]*_v4",
        ("Cascade Lake", "Ice Lake", "Sapphire Rapids", "Emerald Rapids"),
    ),
    (r"[DE]\d+(-\d+)?[bdils]*_v5", ("Ice Lake", "Sapphire Rapids", "Emerald Rapids")),
    (r"[DE]\d+(-\d+)?[bdils]*_v6", ("Emerald Rapids",)),
    (r"[DE]\d+(-\d+)?[bdils]*_v7", ("Granite Rapids",)),
    (r"F\d+s_v2", ("Skylake", "Cascade Lake", "Ice Lake", "Emerald Rapids")),
    (r"B\d+a\w*_v2", ("EPYC 3rd Gen",)),
    (r"B\d+[lmt]*s_v2", ("Ice Lake", "Sapphire Rapids")),
)
_AWS_FORM = re.compile(
    r"([a-z]+\d[a-z0-9]*(?:-flex)?)\.(?:metal|nano|micro|small|medium|\d*x?large)"
)
_GCP_FORM = re.compile(r"([a-z]\d[a-z]?)-[a-z]+(?:-[a-z0-9]+)*")


def machine_watts(machine_type: str | None) -> Coefficients | None:
    """Return the watts for each virtual CPU of a machine type; None for one that is not known.

    Args:
        machine_type: as its provider writes it: ``m7i.large``, ``Standard_D4s_v5``,
            ``n2-standard-4``.
    """
    names = _processors(machine_type or "")
    if not names:
        return None
    rows = [of_architecture(name) for name in names]
    count = len(rows)
    idle, full = sum(one.idle for one in rows) / count, sum(one.full for one in rows) / count
    gigabytes = sum(one.gb_per_chip for one in rows) / count
    reach = [(factor * (one.full - one.idle)) / (full - idle) for one in rows
             for factor in (one.low, one.high)]  # fmt: skip
    label = f"{machine_type} ({' or '.join(names)})"
    return Coefficients(label, idle, full, gigabytes, low=min(reach), high=max(reach))


def _processors(machine_type: str) -> Sequence[str]:
    if found := _AWS_FORM.match(machine_type):
        return _AWS.get(found[1], ())
    if machine_type.startswith("Standard_"):
        size = machine_type.removeprefix("Standard_")
        return next((names for form, names in _AZURE if re.fullmatch(form, size)), ())
    if found := _GCP_FORM.fullmatch(machine_type):
        return _GCP.get(found[1], ())
    return ()
