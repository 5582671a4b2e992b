"""Powercap trees as plain files, laid out as in sysfs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: the range that most processors have, in microjoules
RANGE = 262_143_328_850


class PowercapTree:
    """Real folders below a device folder, and links to all of them, as the kernel shows zones.

    Args:
        path: an empty folder that stands for ``/sys``: `root` is ``class/powercap`` below it.
    """

    def __init__(self, path: Path) -> None:
        self.sysfs = path
        self.devices = path / "devices" / "virtual" / "powercap"
        self.root = path / "class" / "powercap"
        self.root.mkdir(parents=True)

    def zone(
        self, zone: str, name: str | None, energy: int = 1000, limit: int | None = RANGE
    ) -> Path:
        """Add a zone, and return its folder.

        Args:
            zone: its place, such as ``intel-rapl:0:1``.
            name: what its file ``name`` says; None to have no such file.
            energy: microjoules that its counter begins with.
            limit: microjoules at which it wraps; None if the kernel does not say.
        """
        driver, *numbers = zone.split(":")
        folder = self.devices / driver
        for depth in range(len(numbers)):
            folder /= ":".join([driver, *numbers[: depth + 1]])
        folder.mkdir(parents=True)
        (folder / "energy_uj").write_text(f"{energy}\n")
        if name is not None:
            (folder / "name").write_text(f"{name}\n")
        if limit is not None:
            (folder / "max_energy_range_uj").write_text(f"{limit}\n")
        (self.root / zone).symlink_to(folder)
        if not (self.root / driver).exists():
            (self.root / driver).symlink_to(self.devices / driver)
        return folder

    def burn(self, zone: str, joules: float) -> None:
        """Move a zone's counter, past its range as the hardware does."""
        folder = self.root / zone
        now = int((folder / "energy_uj").read_text()) + round(joules * 1e6)
        limit = folder / "max_energy_range_uj"
        if limit.exists():
            now %= int(limit.read_text()) + 1
        (folder / "energy_uj").write_text(f"{now}\n")
