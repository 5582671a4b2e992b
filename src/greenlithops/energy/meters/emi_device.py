"""Devices of Windows, as far as the Energy Meter Interface needs them; not tested on Windows."""

from __future__ import annotations

import ctypes
import uuid
from typing import Any

_READ, _SHARE, _OPEN_EXISTING = 0x80000000, 3, 3
_PRESENT = 0  # CM_GET_DEVICE_INTERFACE_LIST_PRESENT


def paths(interface: str) -> list[str]:
    """Return the paths of the devices that are there and have an interface.

    Args:
        interface: its GUID.
    """
    manager: Any = ctypes.WinDLL("cfgmgr32")  # type: ignore[attr-defined]  # on Windows only
    guid = ctypes.create_string_buffer(uuid.UUID(interface).bytes_le, 16)
    size = ctypes.c_uint32()
    if manager.CM_Get_Device_Interface_List_SizeW(ctypes.byref(size), guid, None, _PRESENT):
        return []
    names = ctypes.create_unicode_buffer(size.value)
    if manager.CM_Get_Device_Interface_ListW(guid, None, names, size, _PRESENT):
        return []
    return [name for name in "".join(names[:]).split("\0") if name]


class Device:
    """One open device.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: str) -> None:
        kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]  # as above
        kernel.CreateFileW.restype = ctypes.c_void_p
        self._kernel = kernel
        self._handle = ctypes.c_void_p(
            kernel.CreateFileW(path, _READ, _SHARE, None, _OPEN_EXISTING, 0, None)
        )
        if self._handle.value in (None, ctypes.c_void_p(-1).value):
            raise _last_error()

    def ask(self, code: int, size: int) -> bytes:
        """Return what the device answers to a control code.

        Raises:
            OSError: it does not.
        """
        answer = ctypes.create_string_buffer(size)
        used = ctypes.c_uint32()
        if not self._kernel.DeviceIoControl(
            self._handle, code, None, 0, answer, size, ctypes.byref(used), None
        ):
            raise _last_error()
        return answer.raw[: used.value]

    def close(self) -> None:
        """Close it."""
        self._kernel.CloseHandle(self._handle)


def _last_error() -> OSError:
    error: OSError = ctypes.WinError(ctypes.get_last_error())  # type: ignore[attr-defined]  # as above
    return error
