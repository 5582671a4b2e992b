"""CPU time of trees of processes by what the kernel tells of each task when it ends (taskstats).

What lives is read by its clock; what has ended in between, however briefly it lived, tells its
nanoseconds itself: the kernel sends them to whoever has registered for the tasks of a CPU. A
process that ends belongs to the tree of its parent, whether the parent is still alive or ends next.

Needs CAP_NET_ADMIN in the first namespaces of the machine, Linux 5.19 (taskstats version 12, which
names the process of a thread) with CONFIG_TASKSTATS, and pyroute2.
"""

from __future__ import annotations

import asyncio
import errno
import os
import struct
import threading
from collections import deque
from contextlib import suppress
from typing import Any

from greenlithops.energy.cpu_time.kinship import Ended, Kinship
from greenlithops.energy.cpu_time.processes import process_ns, session_members
from greenlithops.energy.cpu_time.shared import Shared

_SOL_SOCKET, _RCVBUFFORCE = 1, 33
_BUFFER = 8 << 20  # bytes of news that may wait: about 10,000 tasks
_PATIENCE = 5.0
_OVERRUN = errno.ENOBUFS

# `struct taskstats` of include/uapi/linux/taskstats.h, versions 12 to 14 and from 16 on.
_FLAGS, _RUN_NS, _PPID, _TGID = 8, 72, 132, 368
_LAST_OF_GROUP = 0x20  # AGROUP of include/uapi/linux/acct.h


class TaskstatsTree:
    """A worker, the living of its session, and what has ended below it."""

    def __init__(self, news: News, pid: int) -> None:
        self._news = news
        self._pid = pid
        self._living: dict[int, int] = {pid: process_ns(pid)}
        self._counted: set[int] = set()  # ended, but not yet waited for
        self._gone = 0
        #: by process: nanoseconds of its tasks that have ended; the thread of the news writes it
        self.ended: dict[int, int] = {}
        self.complete: deque[int] = deque()  #: processes of which nothing is left
        news.claim(pid, self)

    def read(self, own_ns: int | None = None) -> int:
        """Return CPU nanoseconds of all that ever belonged to it."""
        members = session_members(self._pid)
        self._counted &= members.keys()
        for pid in members.keys() - self._counted:
            try:
                used = process_ns(pid)
            except OSError:
                continue
            if pid not in self._living:
                self._news.claim(pid, self)
            self._living[pid] = max(self._living.get(pid, 0), used)
        while self.complete:
            pid = self.complete.popleft()
            if pid != self._pid:
                self._gone += max(self.ended.pop(pid, 0), self._living.pop(pid, 0))
                self._counted.add(pid)
        if own_ns is not None:
            self._living[self._pid] = max(self._living[self._pid], own_ns)
        ended = self.ended.copy()
        both = self._living.keys() | ended.keys()
        return self._gone + sum(max(self._living.get(p, 0), ended.get(p, 0)) for p in both)

    def close(self) -> None:
        """Count no more."""
        self._news.forget(self)


class News:
    """Hears of all tasks that end, in a thread, and tells the trees to which they belonged.

    Raises:
        OSError: the kernel tells nothing, or not to us.
        ImportError: pyroute2 is not installed.
    """

    def __init__(self) -> None:
        import pyroute2.netlink.taskstats  # noqa: F401, PLC0415 - here, to fail in time; it takes half a second

        self._kinship = Kinship()
        #: how often the kernel had more to tell than was listened to
        self.missed = 0
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(
            target=self._run, name="greenlithops-taskstats", daemon=True
        )
        self._thread.start()
        if not self._ready.wait(_PATIENCE):
            self._failure = OSError("the kernel does not answer questions for taskstats")
        if self._failure is not None:
            self.close()
            raise OSError(*self._failure.args) from self._failure

    def claim(self, pid: int, tree: TaskstatsTree) -> None:
        """Count a process, and what it starts, for a tree; from any thread."""
        self._call(self._kinship.own, pid, tree)

    def forget(self, tree: TaskstatsTree) -> None:
        """Count nothing for a tree any more; from any thread."""
        self._call(self._kinship.disown, tree)

    def _call(self, function: Any, *arguments: Any) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def close(self) -> None:
        """End the thread."""
        task = self._task
        if task is not None:
            self._call(task.cancel)
        self._thread.join(_PATIENCE)

    # What follows runs in the thread.

    def _run(self) -> None:
        from pyroute2.netlink.exceptions import NetlinkError  # noqa: PLC0415 - as above

        try:
            asyncio.run(self._listen())
        except NetlinkError as error:
            self._failure = OSError(*error.args)
        except (OSError, ValueError, RuntimeError) as error:
            # The last is pyroute2's, when a socket was not told what the kernel calls taskstats.
            self._failure = error
        except asyncio.CancelledError:
            return
        finally:
            self._ready.set()

    async def _listen(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        while True:
            socket = _socket()
            try:
                await _subscribe(socket)
                self._ready.set()
                while True:
                    async for message in socket.get():
                        if (ended := _ended(message)) is not None:
                            self._kinship.hear(ended)
            except OSError as error:
                if error.errno != _OVERRUN:
                    raise
                self.missed += 1  # the kernel's buffer was full: what it could not hold is lost
            finally:
                socket.close()


def _socket() -> Any:
    from pyroute2.netlink.generic import AsyncGenericNetlinkSocket  # noqa: PLC0415 - as above

    return AsyncGenericNetlinkSocket()


async def _subscribe(socket: Any) -> None:
    """Have a socket told of all tasks that end.

    Raises:
        OSError: the kernel's figures are of a form that is not known.
        NetlinkError: it refuses.
    """
    from pyroute2.netlink import NLM_F_ACK, NLM_F_REQUEST, genlmsg, nla  # noqa: PLC0415 - as above
    from pyroute2.netlink.taskstats import TASKSTATS_CMD_GET, tcmd  # noqa: PLC0415 - as above

    plain = (("UNSPEC", "none"), ("PID", "uint32"), ("TGID", "uint32"), ("STATS", "cdata"))

    class Message(genlmsg):  # type: ignore[misc]  # the library has no types
        nla_map = (*plain, ("AGGR_PID", "both"), ("AGGR_TGID", "both"), ("NULL", "none"))

        class both(nla):  # type: ignore[misc]  # noqa: N801 - looked up by its name in the map
            nla_map = plain

    def request(attribute: str, value: int | str) -> Any:
        message = tcmd()
        message["cmd"], message["version"] = TASKSTATS_CMD_GET, 1
        message["attrs"].append([f"TASKSTATS_CMD_ATTR_{attribute}", value])
        return message

    await socket.bind("TASKSTATS", Message)
    with suppress(PermissionError):
        socket.setsockopt(_SOL_SOCKET, _RCVBUFFORCE, _BUFFER)
    own = os.getpid()
    question = request("PID", own)
    async for answer in await socket.nlm_request(question, socket.prid, msg_flags=NLM_F_REQUEST):
        found = _ended(answer)
        if found is None or (found.process, found.parent) != (own, os.getppid()):
            raise OSError("the kernel's taskstats are of a version that is not known here")
    with open("/sys/devices/system/cpu/possible") as file:  # noqa: ASYNC230, PTH123 - no disk; no other I/O in this loop
        mask = request("REGISTER_CPUMASK", file.read().strip())
    flags = NLM_F_REQUEST | NLM_F_ACK
    async for _ in await socket.nlm_request(mask, socket.prid, msg_flags=flags):
        pass


def _ended(message: Any) -> Ended | None:
    """Return what a message tells of a task, or None if it is something else."""
    told = message.get_attr("AGGR_PID")
    data = told.get_attr("STATS") if told is not None else None
    if data is None or len(data) < _TGID + 4:
        return None
    (ns,), (parent,) = (
        struct.unpack_from("=Q", data, _RUN_NS),
        struct.unpack_from("=I", data, _PPID),
    )
    (process,) = struct.unpack_from("=I", data, _TGID)
    return Ended(process, parent, ns, bool(data[_FLAGS] & _LAST_OF_GROUP))


class TaskstatsTrees:
    """Adopts processes of whose descendants the kernel tells."""

    name = "taskstats"
    resolution = 1e-6

    def __init__(self) -> None:
        self._news = _shared.acquire()

    @property
    def notes(self) -> tuple[str, ...]:
        """What it does not count."""
        missed = (
            f"the kernel's news were lost {self._news.missed} times" if self._news.missed else ""
        )
        unseen = "daemons that end unseen, after who started them, are not counted"
        return (unseen, missed) if missed else (unseen,)

    def adopt(self, pid: int) -> TaskstatsTree:
        """Begin to count a process, the leader of its session."""
        return TaskstatsTree(self._news, pid)

    def close(self) -> None:
        """Listen no more, if nobody else does."""
        _shared.release()


_shared = Shared(News)
