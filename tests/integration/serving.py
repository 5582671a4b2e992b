"""Runs the example service in a process of its own, and reads what it sends."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ADDRESS = re.compile(r"running on (http://\S+)")
START_SECONDS = 60
END_SECONDS = 60


class Service:
    """A running service: its process and its address."""

    def __init__(self, process, log, address):
        self.process = process
        self.address = address
        self._log = log

    def log(self):
        """Return what it has logged."""
        return self._log.read_text()

    def stop(self, signal_number=signal.SIGTERM):
        """End it as its administrator would; return how many seconds that took."""
        start = time.monotonic()
        self.process.send_signal(signal_number)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the service did not end\n{self.log()}") from None
        return time.monotonic() - start


@contextlib.contextmanager
def served(folder, root):
    """Run the service on a free port, with its log in `folder`, to count files below `root`."""
    log = Path(folder) / "service.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / "service.py")],
            stdout=file,
            stderr=file,
            env=os.environ | {"PORT": "0", "SERVICE_ROOT": str(root)},
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (found := ADDRESS.search(log.read_text())):
            assert process.poll() is None, f"the service ended early\n{log.read_text()}"
            assert time.monotonic() < deadline, f"the service did not start\n{log.read_text()}"
            time.sleep(0.02)
        service = Service(process, log, found[1])
        yield service
        if process.poll() is None:
            service.stop()
            assert process.returncode in (0, -signal.SIGTERM), service.log()
        assert "Traceback" not in service.log(), service.log()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


async def events(response):
    """Give the server-sent events of a response, line by line: number, kind and content."""
    fields = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            if "event" in fields:
                yield int(fields["id"]), fields["event"], json.loads(fields["data"])
            fields = {}
