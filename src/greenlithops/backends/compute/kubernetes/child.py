"""A process in which a pod's calls run: asked one invocation at a time, replaced when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlithops.offload import off_loop
from greenlithops.worker.piped import FRAME, REFUSED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.backends.compute.kubernetes.metering import Metering

MOUNT_SECONDS = 60.0  #: in which a Secret must be there
#: where control groups tell how many of their processes were killed for want of memory
_KILLS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


class Ended(Exception):
    """The process ended while it ran an invocation.

    Attributes:
        exit_code: its exit code, unless a signal ended it.
        signal: the signal that ended it.
        memory: whether the kernel killed it for want of memory.
        wanted: whether it was told to.
        words: the same for people.
    """

    def __init__(self, status: int, *, memory: bool, wanted: bool) -> None:
        self.exit_code = status if status >= 0 else None
        self.signal = -status if status < 0 else None
        self.memory = memory
        self.wanted = wanted
        by = f"signal {-status}" if status < 0 else f"exit code {status}"
        self.words = f"the process that ran the call ended with {by}"
        super().__init__(self.words)


class Child:
    """A process that runs invocations.

    Args:
        key: what messages are authenticated with.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._lifeline = -1
        self._kills = 0
        self._stopped = False

    async def start(self) -> None:
        """Start the process, unless it runs."""
        if self._process is not None:
            return
        ours, theirs = socket.socketpair()
        lifeline_end, self._lifeline = os.pipe()
        self._stopped = False
        self._kills = memory_kills()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "greenlithops.worker.piped"),
                *(str(theirs.fileno()), str(lifeline_end)),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), lifeline_end),
                start_new_session=True,
            )
            self._reader, self._writer = await asyncio.open_connection(sock=ours)
        except BaseException:
            ours.close()
            os.close(self._lifeline)
            started, self._process = self._process, None
            if started is not None:  # the end of its lifeline ends it
                await asyncio.shield(started.wait())
            raise
        finally:
            theirs.close()
            os.close(lifeline_end)
        self._send(self._key)
        with contextlib.suppress(Ended):  # the first invocation tells of it
            await self._receive()

    async def ask(self, body: bytes) -> tuple[bool, bytes]:
        """Return whether an invocation was refused, and what was answered.

        Raises:
            Ended: the process ended; the next invocation has another one.
        """
        await self.start()
        self._send(body)
        try:
            kind, answer = await self._receive()
        except asyncio.CancelledError:
            self.stop()
            raise
        return kind == REFUSED, answer

    def stop(self) -> None:
        """Kill the process, and what its call has started; who asked is told."""
        self._stopped = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Kill the process and wait for its end; another one is started when it is needed."""
        self.stop()
        await self._reaped()

    def _send(self, data: bytes) -> None:
        self._writer.write(FRAME.pack(0, len(data)))
        self._writer.write(data)

    async def _receive(self) -> tuple[int, bytes]:
        try:
            await self._writer.drain()
            kind, length = FRAME.unpack(await self._reader.readexactly(FRAME.size))
            return kind, await self._reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            wanted = self._stopped
            status = await self._reaped()
            killed = status == -signal.SIGKILL and memory_kills() > self._kills
            raise Ended(status, memory=killed and not wanted, wanted=wanted) from None

    async def _reaped(self) -> int:
        """Wait for the end of the process; return its status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what the call has left running
        status = await process.wait()
        os.close(self._lifeline)
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        return status


async def answered(
    child: Child, body: bytes, seconds: float | None, metering: Metering | None
) -> tuple[str, bytes, dict[str, Any]]:
    """Return how an invocation ended: its status, the message, and what there is to say besides.

    Args:
        child: runs it.
        body: the message.
        seconds: that it may take; None for no limit.
        metering: measures its calls, where the node has a meter.
    """
    window = await metering.begin() if metering is not None else None
    reply, more = None, {}
    try:
        async with asyncio.timeout(seconds):
            refused, found = await child.ask(body)
        if not refused:
            reply = found
    except TimeoutError:
        await child.end()
        return "late", b"", {"seconds": seconds}
    except Ended as end:
        more = {"exit_code": end.exit_code, "signal": end.signal}
        status = "cancelled" if end.wanted else "memory" if end.memory else "ended"
        return status, end.words.encode(), more
    finally:
        if metering is not None and window is not None:
            more |= metering.end(window, reply)
    return "refused" if refused else "ok", found, more


async def mounted(place: Path) -> Any:
    """Return what a file of a Secret says; pods may start before it is there.

    Raises:
        SystemExit: it does not come.
    """
    deadline = time.monotonic() + MOUNT_SECONDS
    while True:
        with contextlib.suppress(FileNotFoundError):
            return json.loads(await off_loop(place.read_text, "utf-8"))
        if time.monotonic() > deadline:
            raise SystemExit(f"the Secret with {place.name} is not there")
        await asyncio.sleep(0.2)


def metering_of(settings: Mapping[str, Any]) -> Metering | None:
    """Return what measures a pod's calls; None if they shall not be measured."""
    if not settings.get("energy"):
        return None
    from greenlithops.backends.compute.kubernetes.metering import Metering  # noqa: PLC0415 - if asked

    return Metering(bytes.fromhex(settings["key"]))


def memory_kills() -> int:
    """Return how many processes of this container were killed for want of memory; 0 if unknown."""
    for place in _KILLS:
        try:
            text = Path(place).read_text("ascii")
        except OSError:
            continue
        for line in text.splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0
