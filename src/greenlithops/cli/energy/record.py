"""`greenlithops energy record -- COMMAND`: what a command cost, and its own exit code."""

from __future__ import annotations

import asyncio
import json as json_module
import os
import shlex
import signal
import sys
import time
from array import array
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from greenlithops.energy.clocks import children_ns
from greenlithops.energy.log import EnergyLog, record_of_report
from greenlithops.energy.sharing import shared_sampler

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from greenlithops.energy.log import LogRecord
    from greenlithops.energy.records import EnergyReport

NOT_FOUND, NOT_RUNNABLE, BY_SIGNAL = 127, 126, 128  #: as shells have it
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP)


def run(command: Sequence[str], meter: str, *, json: bool, output: Path | None) -> int:
    """Run a command; return its exit code."""
    if output is not None:
        output.parent.stat()  # a folder that is missing is told before the command has run
    try:
        code, report, start = asyncio.run(_measured(command, meter))
    except FileNotFoundError:
        sys.stderr.write(f"greenlithops: there is no command {command[0]!r}\n")
        return NOT_FOUND
    except PermissionError as error:
        sys.stderr.write(f"greenlithops: {command[0]!r} cannot be run: {error.strerror}\n")
        return NOT_RUNNABLE
    line = _line(command, code, report, start)
    if output is not None:
        EnergyLog(output).append(line)
    if json:
        sys.stderr.write(json_module.dumps(line.as_dict() | {"exit_code": code}) + "\n")
    else:
        sys.stderr.write(f"{_text(report)}\n")
    return code


async def _measured(command: Sequence[str], meter: str) -> tuple[int, EnergyReport, float]:
    async with shared_sampler(meter) as sampler:
        window = sampler.open_window()
        loop = asyncio.get_running_loop()
        # Ctrl-C reaches the command by itself, since it is in our group; it decides what it means.
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        used, start, begin = children_ns(), time.time(), time.monotonic_ns()
        process = await asyncio.create_subprocess_exec(*command)
        for number in _PASSED_ON:
            loop.add_signal_handler(number, _pass_on, process, number)
        status = await process.wait()
        end, used = time.monotonic_ns(), children_ns() - used
        for number in (signal.SIGINT, *_PASSED_ON):
            loop.remove_signal_handler(number)
        window.add(array("q", [begin]), array("q", [end]), array("q", [used]))
        report = replace(window.report(), scope="process")
        window.close()
        return BY_SIGNAL - status if status < 0 else status, report, start


def _pass_on(process: asyncio.subprocess.Process, number: int) -> None:
    with suppress(ProcessLookupError):  # it has just ended
        process.send_signal(number)


def _line(command: Sequence[str], code: int, report: EnergyReport, start: float) -> LogRecord:
    name = shlex.join([os.path.basename(command[0]), *command[1:]])[:200]  # noqa: PTH119 - text
    return record_of_report(report, name=name, start=start, ok=code == 0, what="command")


def _text(report: EnergyReport) -> str:
    text = str(report).partition(": ")[2]
    extra = "" if report.joules is None else f", {report.window_s:.3g} s, CPU {report.cpu_s:.3g} s"
    return f"{text}{extra}"
