"""CPU time to the nanosecond from the scheduler itself: of the machine, and of trees of processes.

Three small programs run in the kernel, at ``sched_switch``, ``sched_process_fork`` and
``sched_process_free``. They know tasks by the addresses of their structures and read none of these,
so they need neither kernel headers nor BTF. A process that is adopted gets a number; the tasks that
it and its descendants start get the same one, wherever they go: a daemon in a session of its own is
still counted, and what was counted stays when all of them are dead.

What is counted is time on a CPU by the monotonic clock. Interrupts and time stolen by a hypervisor
count for the task that they interrupt.

Needs CAP_BPF and CAP_PERFMON (Linux 5.8), or root.
"""

from __future__ import annotations

import os
import struct
import time
from typing import TYPE_CHECKING

from greenlithops.energy.cpu_time import bpf
from greenlithops.energy.cpu_time.bpf import Assembler, Kernel

if TYPE_CHECKING:
    from collections.abc import Callable

_TASKS, _TREES = 16_384, 4_096
_KEY = bytes(4)  # the only key of the map by CPU
#: by CPU: switches; busy ns; moment of the last switch; number of the tree that runs, or 0;
#: whether anything runs; the address of the idle task
_SLOT = struct.Struct("<6Q")
_COUNT, _BUSY, _LAST, _OWNER, _RUNS, _IDLE = range(0, _SLOT.size, 8)
_STACK_KEY, _STACK_VALUE, _STACK_PREV, _STACK_NEXT = -8, -16, -24, -32
_MOMENT = 50e-6  # seconds
_ATTEMPTS = 8  # at a reading that no switch interrupts


class Scheduler:
    """The programs and their maps; one for each process that uses it, shared by its users.

    Raises:
        OSError: the kernel does not allow it.
    """

    def __init__(self) -> None:
        self._kernel = Kernel()
        self._descriptors: list[int] = []
        self._cpus = _possible_cpus()
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _keep(self, descriptor: int) -> int:
        self._descriptors.append(descriptor)
        return descriptor

    def _open(self) -> None:
        kernel, keep = self._kernel, self._keep
        self._slots = keep(kernel.create_map(bpf.PERCPU_ARRAY, 4, _SLOT.size, 1))
        self._owners = keep(kernel.create_map(bpf.HASH, 8, 8, _TASKS))
        self._roots = keep(kernel.create_map(bpf.HASH, 8, 8, _TREES))
        self._usage = keep(kernel.create_map(bpf.HASH, 8, 8, _TREES))
        now = time.monotonic_ns()
        self._look = kernel.reader(self._slots, _KEY, _SLOT.size * self._cpus)
        kernel.update(self._slots, _KEY, _SLOT.pack(0, 0, now, 0, 0, 0) * self._cpus)
        for tracepoint, code in (
            ("sched_process_fork", _at_fork(self._owners, self._roots)),
            ("sched_process_free", _at_free(self._owners)),
            ("sched_switch", _at_switch(self._slots, self._owners, self._roots, self._usage)),
        ):
            keep(kernel.attach(tracepoint, keep(kernel.load(code))))
        # Lets this CPU be idle for a moment, if it can be: what leaves then is its idle task.
        time.sleep(_MOMENT)

    def read(self, tree: int | None = None) -> int:
        """Return busy nanoseconds of the machine since this was opened, or of a tree."""
        key = None if tree is None else struct.pack("<Q", tree)
        look = self._look
        before = look()
        for _ in range(_ATTEMPTS):
            found = self._kernel.look_up(self._usage, key, 8) if key else None
            now = time.monotonic_ns()
            after = look()
            if after == before:
                break
            before = after
        slots = list(_SLOT.iter_unpack(before))
        if tree is None:
            total = sum(slot[1] for slot in slots)
            return int(total + sum(max(0, now - slot[2]) for slot in slots if slot[4]))
        done = int.from_bytes(found or b"", "little")
        return int(done + sum(max(0, now - slot[2]) for slot in slots if slot[3] == tree))

    def adopt(self, pid: int, tree: int, used_ns: int) -> None:
        """Count the CPU time of a process and of all its descendants from now on."""
        number = struct.pack("<Q", tree)
        self._kernel.update(self._usage, number, struct.pack("<Q", used_ns))
        self._kernel.update(self._roots, struct.pack("<Q", pid), number)

    def ended(self, pid: int) -> None:
        """Forget that a process was adopted; its number may be given to another one."""
        self._kernel.delete(self._roots, struct.pack("<Q", pid))

    def forget(self, tree: int) -> None:
        """Forget what was counted for a tree."""
        self._kernel.delete(self._usage, struct.pack("<Q", tree))

    def close(self) -> None:
        """Take the programs out of the kernel."""
        for descriptor in reversed(self._descriptors):
            os.close(descriptor)
        self._descriptors.clear()


class EbpfClock:
    """The machine's busy CPU time, for the sampler."""

    name = "ebpf"
    resolution = 1e-6

    def __init__(self, scheduler: Scheduler, on_close: Callable[[], None] | None = None) -> None:
        self._scheduler = scheduler
        self._on_close = on_close or scheduler.close
        self._last = 0

    def read(self) -> int:
        """Return busy nanoseconds, never less than the last time."""
        self._last = max(self._last, self._scheduler.read())
        return self._last

    def close(self) -> None:
        """Take the programs out of the kernel, if nobody else needs them."""
        self._on_close()


def _at_switch(slots: int, owners: int, roots: int, usage: int) -> bytes:
    """Add the time since the last switch on this CPU to whom it belongs, and note who is next.

    The task that leaves is still the current one at this tracepoint.
    """
    asm = Assembler()
    asm.load(2, 1, 8)  # the arguments are: whether it was preempted, who leaves, who comes
    asm.store(10, _STACK_PREV, 2)
    asm.load(2, 1, 16)
    asm.store(10, _STACK_NEXT, 2)
    asm.set(2, 0)
    asm.store(10, _STACK_KEY, 2)
    _look_up(asm, slots, _STACK_KEY)
    asm.jump_if_zero(0, "end")
    asm.move(9, 0)
    asm.call(bpf.KTIME_NS)
    asm.load(8, 9, _LAST)
    asm.store(9, _LAST, 0)
    asm.subtract(0, 8)
    asm.move(8, 0)  # how long the task that leaves has run
    asm.load(2, 9, _COUNT)
    asm.add(2, 1)
    asm.store(9, _COUNT, 2)
    asm.call(bpf.CURRENT_PID_TGID)
    asm.move(7, 0)
    asm.jump_if_zero(7, "idle")  # the idle task of each CPU has the number 0
    asm.load(2, 9, _BUSY)
    asm.add_register(2, 8)
    asm.store(9, _BUSY, 2)
    _owner(asm, owners, roots, _STACK_PREV, "next")
    asm.store(10, _STACK_VALUE, 0)
    _look_up(asm, usage, _STACK_VALUE)
    asm.jump_if_zero(0, "next")
    asm.atomic_add(0, 0, 8)
    asm.jump("next")
    asm.label("idle")
    asm.load(2, 10, _STACK_PREV)
    asm.store(9, _IDLE, 2)
    asm.label("next")
    asm.set(2, 0)
    asm.store(9, _OWNER, 2)
    asm.store(9, _RUNS, 2)
    asm.load(3, 10, _STACK_NEXT)
    asm.load(2, 9, _IDLE)  # 0 until it has been seen: a CPU that is never idle is taken for busy
    asm.jump_if_equal(2, 3, "end")
    asm.set(2, 1)
    asm.store(9, _RUNS, 2)
    _look_up(asm, owners, _STACK_NEXT)
    asm.jump_if_zero(0, "end")
    asm.load(2, 0, 0)
    asm.store(9, _OWNER, 2)
    asm.label("end")
    asm.leave()
    return asm.code()


def _at_fork(owners: int, roots: int) -> bytes:
    """Give a new task the number of its parent's tree, or none."""
    asm = Assembler()
    asm.load(2, 1, 0)
    asm.store(10, _STACK_PREV, 2)
    asm.load(2, 1, 8)
    asm.store(10, _STACK_NEXT, 2)
    asm.call(bpf.CURRENT_PID_TGID)
    asm.move(7, 0)
    _owner(asm, owners, roots, _STACK_PREV, "stranger")
    asm.store(10, _STACK_VALUE, 0)
    _update(asm, owners, _STACK_NEXT, _STACK_VALUE)
    asm.leave()
    asm.label("stranger")  # its address may have been another task's, whose end was missed
    _delete(asm, owners, _STACK_NEXT)
    asm.leave()
    return asm.code()


def _at_free(owners: int) -> bytes:
    """Forget a task whose address may be used again."""
    asm = Assembler()
    asm.load(2, 1, 0)
    asm.store(10, _STACK_PREV, 2)
    _delete(asm, owners, _STACK_PREV)
    asm.leave()
    return asm.code()


def _owner(asm: Assembler, owners: int, roots: int, task: int, otherwise: str) -> None:
    """Put the number of a task's tree into register 0; register 7 holds its pid and tgid."""
    _look_up(asm, owners, task)
    asm.jump_if_zero(0, "unknown")
    asm.load(0, 0, 0)
    asm.jump("owned")
    asm.label("unknown")  # a thread that was there when its process was adopted
    asm.shift_right(7, 32)
    asm.store(10, _STACK_KEY, 7)
    _look_up(asm, roots, _STACK_KEY)
    asm.jump_if_zero(0, otherwise)
    asm.load(0, 0, 0)
    asm.store(10, _STACK_VALUE, 0)
    _update(asm, owners, task, _STACK_VALUE)
    asm.load(0, 10, _STACK_VALUE)
    asm.label("owned")


def _look_up(asm: Assembler, table: int, key: int) -> None:
    _prepare(asm, table, key)
    asm.call(bpf.MAP_LOOKUP)


def _update(asm: Assembler, table: int, key: int, value: int) -> None:
    _prepare(asm, table, key)
    asm.move(3, 10)
    asm.add(3, value)
    asm.set(4, 0)
    asm.call(bpf.MAP_UPDATE)


def _delete(asm: Assembler, table: int, key: int) -> None:
    _prepare(asm, table, key)
    asm.call(bpf.MAP_DELETE)


def _prepare(asm: Assembler, table: int, key: int) -> None:
    asm.table(1, table)
    asm.move(2, 10)
    asm.add(2, key)


def _possible_cpus() -> int:
    """Return how many CPUs the kernel reserves room for in maps that are kept by CPU."""
    with open("/sys/devices/system/cpu/possible") as file:  # noqa: PTH123 - no pathlib for one file
        last = file.read().strip().rpartition(",")[2].rpartition("-")[2]
    return int(last) + 1
