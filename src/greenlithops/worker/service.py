"""Runs the calls of an invocation, in a service that answers over HTTP."""

from __future__ import annotations

import contextvars
import os
import sys
import threading
import time
from array import array
from collections import OrderedDict

from greenlithops.errors import ProtocolError
from greenlithops.worker import invocation
from greenlithops.worker.calls import Function, Runner, environment
from greenlithops.worker.capture import Capture, task_log
from greenlithops.worker.classes import announce

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from typing import Any

KEY_VARIABLE = "GREENLITHOPS_KEY"
KEPT_FUNCTIONS = 64
LOG_BYTES = 1 << 20


class Service:
    """Answers invocations; may be asked by many threads at once.

    Args:
        key: what messages are authenticated with.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._functions: OrderedDict[bytes, Function] = OrderedDict()
        self._lock = threading.Lock()
        self._local = threading.local()
        self._capture = Capture(-1)
        self._capture.set_limit(LOG_BYTES)
        self._name = f"{os.uname().nodename}-{os.getpid()}"
        self._fresh = True

    def answer(self, body: bytes) -> bytes:
        """Return the reply to a request.

        Raises:
            ProtocolError: it is none, or not authentic.
        """
        content, buffers = invocation.unpack(self._key, invocation.REQUEST, body)
        python, digest, image, options, classes, calls, counts = content
        if python != tuple(sys.version_info[:2]):
            mine = ".".join(map(str, sys.version_info[:2]))
            theirs = ".".join(map(str, python))
            text = (
                f"the service runs Python {mine}, the client Python {theirs}: pickled functions "
                f"need the same one; deploy the function for Python {theirs}"
            )
            return self._reply((invocation.REFUSED, text))
        used = 0
        for name, stream, count in classes:
            announce(name, stream, [bytes(part) for part in buffers[used : used + count]])
            used += count
        raw = image[1] if image else 0
        function = self._function(digest, image, buffers[used : used + raw], options)
        if function is None:
            return self._reply((invocation.NEEDS_FUNCTION, digest))
        used += raw
        return self._run(function, calls, counts, buffers[used:])

    def _function(
        self, digest: bytes, image: tuple[bytes, int] | None, buffers: list[Any], options: Any
    ) -> Function | None:
        name = digest + repr(sorted(options["environment"].items())).encode()
        with self._lock:
            known = self._functions.get(name)
            if known is None and image is not None:
                known = self._functions[name] = Function(image[0], list(buffers), options)
                if len(self._functions) > KEPT_FUNCTIONS:
                    self._functions.popitem(last=False)
            return known

    def _run(self, function: Function, calls: Any, counts: Any, buffers: list[Any]) -> bytes:
        runner = self._runner()
        offset = time.time_ns() - time.monotonic_ns()
        statuses = bytearray()
        blobs: list[bytes] = []
        sizes = array("I")
        results: list[Any] = []
        times = array("q")
        logs: dict[int, str] = {}
        used = 0
        cold, self._fresh = self._fresh, False
        for position, blob in enumerate(calls):
            count = counts[position] if counts else 0
            raw = [bytearray(part) for part in buffers[used : used + count]]
            used += count
            status, payload, took, log = self._call(runner, function, blob, raw)
            statuses.append(status)
            blobs.append(payload[0])
            sizes.append(len(payload[1]))
            results += payload[1]
            times.extend((took[0] + offset, *took[1:]))
            if log:
                logs[position] = log
        columns = (bytes(statuses), blobs, sizes.tobytes() if results else b"", times.tobytes())
        return self._reply((invocation.OUTCOMES, self._name, cold, *columns, logs), results)

    def _call(self, runner: Runner, function: Function, blob: bytes, raw: list[Any]) -> Any:
        log = self._capture.begin_task(live=False)
        token = task_log.set(log)
        cpu = time.thread_time_ns()
        try:
            context = contextvars.copy_context()
            if function.environment:
                with environment(function.environment):
                    outcome = context.run(runner.run, function, blob, raw, _nothing, cpu)
            else:
                outcome = context.run(runner.run, function, blob, raw, _nothing, cpu)
        finally:
            task_log.reset(token)
        return *outcome, log.text()

    def _runner(self) -> Runner:
        runner: Runner | None = getattr(self._local, "runner", None)
        if runner is None:
            runner = self._local.runner = Runner(time.thread_time_ns)
        return runner

    def _reply(self, content: Any, buffers: Any = ()) -> bytes:
        return invocation.pack(self._key, invocation.REPLY, content, buffers)


def _nothing(_: Function) -> None:
    """The surroundings of a service are its own."""


def key_of_environment() -> bytes:
    """Return the key that the service was deployed with.

    Raises:
        ProtocolError: there is none.
    """
    key = os.environ.get(KEY_VARIABLE, "")
    if not key:
        raise ProtocolError(f"the service needs its key in the environment variable {KEY_VARIABLE}")
    return key.encode()
