"""GPUs: joules since the driver was loaded, from NVIDIA's management library.

``nvmlDeviceGetTotalEnergyConsumption`` (Volta and later) counts millijoules of the whole board,
memory included. It is chosen by name only: calls are told apart by CPU time, and that says nothing
certain about who used a GPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlithops.energy.meters import MeterRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

_MILLI = 1e-3
_SHARED_BY_CPU = "GPU energy is shared out by CPU time, which tells little of who used the GPU"


class NvmlMeter:
    """Adds up the GPUs.

    Args:
        nvml: the module ``pynvml``, initialized.
        devices: handles of GPUs that count their energy.
        notes: what the reader of the figures must know.
    """

    name = "nvml"
    kind = "measured"
    domains = ("gpu",)
    totals = ("gpu",)
    update_period = 0.1  # boards refresh it every 20 to 100 ms
    max_interval = float("inf")  # 64 bits of millijoules
    bounds = (1.0, 1.0)
    idle_watts: Mapping[str, float] | None = None

    def __init__(self, nvml: Any, devices: list[Any], notes: tuple[str, ...] = ()) -> None:
        self._nvml = nvml
        # Handles of the bindings cannot be keys of dictionaries.
        self._alive = [
            (place, device, self._millijoules(device)) for place, device in enumerate(devices)
        ]
        self._joules = [0.0] * len(devices)
        self.notes: tuple[str, ...] = (_SHARED_BY_CPU, *notes)

    def _millijoules(self, device: Any) -> int:
        return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(device))

    def read(self) -> Mapping[str, float]:
        """Return joules since the meter was opened.

        Raises:
            OSError: no GPU answers any more.
        """
        for place, device, first in self._alive[:]:
            try:
                now = (self._millijoules(device) - first) * _MILLI
            except self._nvml.NVMLError as error:
                self._alive = [one for one in self._alive if one[0] != place]
                self.notes += (f"a GPU has stopped contributing: {error}",)
            else:
                self._joules[place] = max(self._joules[place], now)
        if not self._alive:
            raise OSError("all GPUs are gone: " + "; ".join(self.notes[1:]))
        return {"gpu": sum(self._joules)}

    def close(self) -> None:
        """Let go of the library."""
        self._nvml.nvmlShutdown()


def open_meter() -> NvmlMeter:
    """Open the GPUs of this machine.

    Raises:
        MeterRefused: there are none, they do not count energy, or the bindings are missing.
    """
    try:
        import pynvml  # noqa: PLC0415 - an extra, and slow
    except ModuleNotFoundError:
        raise MeterRefused("the bindings are missing: pip install greenlithops[gpu]") from None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise MeterRefused(f"no NVIDIA driver answers: {error}") from error
    try:
        devices, notes = _counting(pynvml)
        if devices:
            return NvmlMeter(pynvml, devices, tuple(notes))
        reason = "; ".join(notes) or "there is no NVIDIA GPU"
    except pynvml.NVMLError as error:
        reason = f"the NVIDIA driver does not answer: {error}"
    pynvml.nvmlShutdown()
    raise MeterRefused(reason)


def _counting(pynvml: Any) -> tuple[list[Any], list[str]]:
    """Return the GPUs that count their energy, and why the others do not."""
    devices: list[Any] = []
    notes: list[str] = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        try:
            device = pynvml.nvmlDeviceGetHandleByIndex(index)
            pynvml.nvmlDeviceGetTotalEnergyConsumption(device)
        except pynvml.NVMLError as error:
            notes.append(f"GPU {index} does not count its energy: {error}")
        else:
            devices.append(device)
    return devices, notes
