"""Processes in the place of a function service's containers: a line of JSON each way."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading


class Died(Exception):
    """The process ended without an answer; the argument is its return code."""


class Late(Exception):
    """There was no answer in time; the process was killed."""


class Container:
    """A process that reads lines, and answers on a descriptor of its own.

    Args:
        folder: its working directory, with the code.
        program: what it runs: Python that gets the number of the descriptor as its argument.
        environment: its variables.
        log: where it prints to.
    """

    def __init__(self, folder, program, environment, log):
        self._answers, told = os.pipe()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program, str(told)],
                cwd=folder,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), **environment},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[told],
                start_new_session=True,
            )
        os.close(told)
        self._rest = b""
        self._lock = threading.Lock()
        self._ended = False

    def ask(self, value, seconds):
        """Return the answer to a line."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(value).encode() + b"\n")
            self.process.stdin.flush()
        while b"\n" not in self._rest:
            if not select.select([self._answers], [], [], seconds)[0]:
                self.end()
                raise Late
            piece = os.read(self._answers, 1 << 20)
            if not piece:
                raise Died(self.process.wait())
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    def end(self):
        """Kill the process; once, as its numbers may be another's afterwards."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        os.close(self._answers)


class Pool:
    """As many containers as run at a time; they are kept for the next.

    Args:
        start: makes one.
        most: how many at most; more are refused.
    """

    def __init__(self, start, most=16):
        self._start = start
        self._free = []
        self._all = []
        self._most = most
        self._lock = threading.Lock()
        self.running = 0

    def ask(self, value, seconds):
        """Return an answer, and whether its container is new; None if there is no room."""
        with self._lock:
            if self.running >= self._most:
                return None
            self.running += 1
            one = self._free.pop() if self._free else None
        cold = one is None
        try:
            if one is None:
                one = self._start()
                self._all.append(one)
            answer = one.ask(value, seconds)
        except BaseException:
            if one is not None:
                one.end()
            raise
        else:
            self._free.append(one)
            return answer, cold
        finally:
            with self._lock:
                self.running -= 1

    def close(self):
        for one in self._all:
            one.end()
