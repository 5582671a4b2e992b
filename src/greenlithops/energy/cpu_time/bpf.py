"""The ``bpf(2)`` system call by itself: maps, programs written as instructions, raw tracepoints.

Nothing is compiled and no kernel headers are needed, since the programs that this serves read no
kernel structure. Numbers are those of Linux' ``include/uapi/linux/bpf.h``, which do not change.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SYSCALLS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
_MAP_CREATE, _LOOKUP, _UPDATE, _DELETE, _PROG_LOAD, _RAW_TRACEPOINT_OPEN = 0, 1, 2, 3, 5, 17
HASH, PERCPU_ARRAY = 1, 6  #: kinds of map
_RAW_TRACEPOINT = 17  # the kind of program
_ATTR_BYTES = 128
_LOG_BYTES = 1 << 16

# Helpers that programs may call.
MAP_LOOKUP, MAP_UPDATE, MAP_DELETE, KTIME_NS, CURRENT_PID_TGID = 1, 2, 3, 5, 14


class Refused(OSError):
    """The kernel does not allow it; the text says what would."""


class Kernel:
    """Speaks with the kernel; made once for each user, since ctypes is slow to import."""

    def __init__(self) -> None:
        number = _SYSCALLS.get(platform.machine())
        if platform.system() != "Linux" or number is None:
            raise Refused(f"there is no bpf(2) on {platform.system()} {platform.machine()}")
        self._number = number
        self._libc = ctypes.CDLL(None, use_errno=True)

    def _call(self, command: int, attributes: ctypes.Array[ctypes.c_char]) -> int:
        answer: int = self._libc.syscall(
            self._number, command, ctypes.byref(attributes), _ATTR_BYTES
        )
        if answer < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return answer

    def create_map(self, kind: int, key: int, value: int, entries: int) -> int:
        """Return the descriptor of a new map.

        Args:
            kind: `HASH` or `PERCPU_ARRAY`.
            key: bytes of a key.
            value: bytes of a value.
            entries: how many there may be.
        """
        return self._call(_MAP_CREATE, _attributes("<IIII", kind, key, value, entries))

    def look_up(self, table: int, key: bytes, size: int) -> bytes | None:
        """Return the value of a key (of all CPUs, for a map that is kept by CPU), or None."""
        value = ctypes.create_string_buffer(size)
        try:
            self._element(_LOOKUP, table, key, value)
        except FileNotFoundError:
            return None
        return value.raw

    def reader(self, table: int, key: bytes, size: int) -> Callable[[], bytes]:
        """Return what looks a key up that is always there; faster, for what is read often."""
        held = ctypes.create_string_buffer(key, len(key))
        value = ctypes.create_string_buffer(size)
        places = ctypes.addressof(held), ctypes.addressof(value)
        attributes = _attributes("<I4xQQQ", table, *places, 0)
        call, number, place = self._libc.syscall, self._number, ctypes.byref(attributes)

        def read() -> bytes:
            if call(number, _LOOKUP, place, _ATTR_BYTES) < 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))
            return value.raw

        read.held = held  # type: ignore[attr-defined]  # its address is in the attributes
        return read

    def update(self, table: int, key: bytes, value: bytes) -> None:
        """Set the value of a key."""
        self._element(_UPDATE, table, key, ctypes.create_string_buffer(value, len(value)))

    def delete(self, table: int, key: bytes) -> None:
        """Forget a key, if it is there."""
        try:
            self._element(_DELETE, table, key, None)
        except FileNotFoundError:
            return

    def _element(
        self, command: int, table: int, key: bytes, value: ctypes.Array[ctypes.c_char] | None
    ) -> None:
        held = ctypes.create_string_buffer(key, len(key))
        place = ctypes.addressof(value) if value is not None else 0
        self._call(command, _attributes("<I4xQQQ", table, ctypes.addressof(held), place, 0))

    def load(self, code: bytes, licence: bytes = b"Apache-2.0") -> int:
        """Return the descriptor of a program for raw tracepoints.

        Raises:
            OSError: the kernel does not allow it, or refuses the program; the text has the last
                words of its verifier.
        """
        held = ctypes.create_string_buffer(code, len(code))
        name = ctypes.create_string_buffer(licence)
        attributes = (_RAW_TRACEPOINT, len(code) // 8, ctypes.addressof(held))
        try:
            return self._call(_PROG_LOAD, _attributes("<IIQQ", *attributes, ctypes.addressof(name)))
        except OSError as error:
            if error.errno == errno.EPERM:  # EACCES is the verifier's
                raise
            log = ctypes.create_string_buffer(_LOG_BYTES)
            told = (ctypes.addressof(name), 1, _LOG_BYTES, ctypes.addressof(log))
            try:
                os.close(self._call(_PROG_LOAD, _attributes("<IIQQIIQ", *attributes, *told)))
            except OSError:
                words = log.value.decode(errors="replace").strip()[-500:]
                raise OSError(error.errno, f"{error.strerror}: {words}") from error
            raise

    def attach(self, tracepoint: str, program: int) -> int:
        """Run a program at a raw tracepoint until the descriptor that is returned is closed."""
        name = ctypes.create_string_buffer(tracepoint.encode())
        attributes = _attributes("<QI", ctypes.addressof(name), program)
        return self._call(_RAW_TRACEPOINT_OPEN, attributes)


def _attributes(layout: str, *values: int) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(struct.pack(layout, *values), _ATTR_BYTES)


class Assembler:
    """Writes instructions one by one; jumps go forward, to labels that are set later.

    Registers: 0 what a helper returned, 1 to 5 its arguments, 6 to 9 kept over calls, 10 the stack.
    """

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int, int]] = []
        self._jumps: dict[str, list[int]] = {}

    def _emit(
        self, code: int, to: int = 0, source: int = 0, offset: int = 0, value: int = 0
    ) -> None:
        self._code.append((code, to, source, offset, value))

    def move(self, to: int, source: int) -> None:
        """``to = source``."""
        self._emit(0xBF, to, source)

    def set(self, to: int, value: int) -> None:
        """``to = value``."""
        self._emit(0xB7, to, value=value)

    def add(self, to: int, value: int) -> None:
        """``to += value``."""
        self._emit(0x07, to, value=value)

    def add_register(self, to: int, source: int) -> None:
        """``to += source``."""
        self._emit(0x0F, to, source)

    def subtract(self, to: int, source: int) -> None:
        """``to -= source``."""
        self._emit(0x1F, to, source)

    def shift_right(self, to: int, value: int) -> None:
        """``to >>= value``, unsigned."""
        self._emit(0x77, to, value=value)

    def load(self, to: int, base: int, offset: int) -> None:
        """``to = *(u64 *)(base + offset)``."""
        self._emit(0x79, to, base, offset)

    def store(self, base: int, offset: int, source: int) -> None:
        """``*(u64 *)(base + offset) = source``."""
        self._emit(0x7B, base, source, offset)

    def atomic_add(self, base: int, offset: int, source: int) -> None:
        """``*(u64 *)(base + offset) += source``, in one step."""
        self._emit(0xDB, base, source, offset)

    def table(self, to: int, descriptor: int) -> None:
        """Put a map into a register."""
        self._emit(0x18, to, 1, value=descriptor)
        self._emit(0)

    def call(self, helper: int) -> None:
        """Call a helper."""
        self._emit(0x85, value=helper)

    def jump(self, label: str) -> None:
        """Go to a label."""
        self._jumps.setdefault(label, []).append(len(self._code))
        self._emit(0x05)

    def jump_if_zero(self, register: int, label: str) -> None:
        """Go to a label if a register is 0."""
        self._jumps.setdefault(label, []).append(len(self._code))
        self._emit(0x15, register)

    def jump_if_equal(self, a: int, b: int, label: str) -> None:
        """Go to a label if two registers are equal."""
        self._jumps.setdefault(label, []).append(len(self._code))
        self._emit(0x1D, a, b)

    def label(self, name: str) -> None:
        """Say where a label is."""
        for place in self._jumps.pop(name, []):
            code, to, source, _, value = self._code[place]
            self._code[place] = (code, to, source, len(self._code) - place - 1, value)

    def leave(self) -> None:
        """Return 0 from the program."""
        self.set(0, 0)
        self._emit(0x95)

    def code(self) -> bytes:
        """Return the program."""
        assert not self._jumps, f"labels that were never set: {sorted(self._jumps)}"  # noqa: S101 - a slip of ours
        return b"".join(
            struct.pack("<BBhi", code, source << 4 | to, offset, value)
            for code, to, source, offset, value in self._code
        )
