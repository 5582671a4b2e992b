"""A server's processes: started on free ports, killed, started again, and ended for certain."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from support import leaks

PORTS = (12_000, 32_000)  #: Linux gives connections those from 32,768 on
READY_SECONDS = 120.0
STOP_SECONDS = 30.0

# Ends the servers when the tests' own process was killed: then its end of the pipe is closed.
GUARD = """
import contextlib, json, os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
groups = {}
for line in sys.stdin:
    group, strays = json.loads(line)
    if strays is None:
        groups.pop(group, None)
    else:
        groups[group] = strays
for group, strays in groups.items():
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    for path in strays:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
"""


class ServerError(Exception):
    """A server did not start; the text has the end of what it printed."""


class Guard:
    """A process that kills the servers which are left when this one is gone."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", GUARD],
            stdin=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        leaks.SESSION_GROUPS.add(self._process.pid)
        leaks.SESSION_DESCRIPTORS.add(self._process.stdin.fileno())

    def watch(self, group, strays=()):
        """Kill a process group at the end, and remove the files that it leaves."""
        self._process.stdin.write(json.dumps([group, [str(path) for path in strays]]) + "\n")

    def forget(self, group):
        """Do not kill it, since it is gone."""
        self._process.stdin.write(json.dumps([group, None]) + "\n")

    def close(self):
        """Kill what is left."""
        leaks.SESSION_DESCRIPTORS.discard(self._process.stdin.fileno())
        self._process.stdin.close()
        self._process.wait(STOP_SECONDS)
        leaks.SESSION_GROUPS.discard(self._process.pid)


class Process:
    """The processes of one server.

    Args:
        command: the program and its arguments.
        folder: where it runs and where its log is.
        environment: variables besides those of this process.
        ready: is called until it returns; raises `OSError` while the server is not ready.
        guard: is told of what has to be killed.
        strays: what it leaves elsewhere when it is killed.
    """

    def __init__(self, command, folder, environment, ready, guard, *, strays=()):
        self._command = [str(word) for word in command]
        self._folder = folder
        self._environment = environment
        self._ready = ready
        self._guard = guard
        self._strays = strays
        self._running = None

    @property
    def pid(self):
        """The process that was started; None when there is none."""
        return self._running.pid if self._running else None

    def start_within(self, *words):
        """Start it anew by another program, which is given its command as arguments."""
        self.kill()
        before, self._command = self._command, [*map(str, words), *self._command]
        try:
            self.start()
        finally:
            self._command = before

    def start(self):
        """Start it and wait until it is ready."""
        inherited = {name: value for name, value in os.environ.items() if name != leaks.MARK}
        temporary = self._folder / "tmp"
        temporary.mkdir(exist_ok=True)
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=inherited | {"TMPDIR": str(temporary)} | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        leaks.SESSION_GROUPS.add(self._running.pid)
        self._guard.watch(self._running.pid, self._strays)
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def _wait_until_ready(self):
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                return self._ready()
            except OSError as error:
                status = self._running.poll()
                if status is not None or time.monotonic() > deadline:
                    what = "does not get ready" if status is None else f"ended with {status}"
                    raise ServerError(f"{self._command[0]} {what}:\n{self._printed()}") from error
            time.sleep(0.03)

    def kill(self):
        """Kill all its processes at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self):
        """Ask it to end in order, so that it writes down what it has in memory; kill what stays."""
        if self._running is None:
            return
        self._running.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._running.wait(STOP_SECONDS)
        self._end(signal.SIGKILL)

    def _end(self, how):
        running, self._running = self._running, None
        if running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, how)
        running.wait()
        self._guard.forget(running.pid)
        for path in self._strays:
            path.unlink(missing_ok=True)

    @property
    def _log(self):
        return self._folder / "server.log"

    def _printed(self):
        return self._log.read_text(errors="replace")[-4000:]


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        endpoint: its URL.
        folder: what it stores, and its log.
        process: its processes.
        user: an access key, account or user.
        secret: what belongs to it.
    """

    endpoint: str
    folder: Path
    process: Process = field(repr=False)
    user: str = ""
    secret: str = field(default="", repr=False)

    @property
    def port(self):
        """The port of the endpoint."""
        return int(self.endpoint.rpartition(":")[2].partition("/")[0])

    def kill(self):
        """Kill it at once; what it had not written is lost."""
        self.process.kill()

    def stop(self):
        """End it in order: it writes down what it has in memory."""
        self.process.stop()

    def restart(self):
        """Start it again on the same ports, with what its folder has; kill it first if it runs."""
        self.process.kill()
        self.process.start()


def free_ports(count):
    """Return ports on which nothing listens, and that no connection is given by chance.

    A server binds some of its ports seconds after it was told them. The kernel would give those
    that it chooses itself to others meanwhile, so these lie below the ones it chooses from.
    """
    found = []
    while len(found) < count:
        port = random.SystemRandom().randrange(*PORTS)  # tests may seed the other one
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            found += [port] if port not in found else []
    return found
