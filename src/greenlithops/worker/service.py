"""Runs the calls of an invocation, in a service that answers over HTTP."""

from __future__ import annotations

import contextvars
import os
import threading
import time
from array import array
from collections import OrderedDict

from greenlithops.errors import GreenlithopsError, ProtocolError
from greenlithops.worker import invocation
from greenlithops.worker.calls import Function, Runner, environment
from greenlithops.worker.capture import Capture, task_log
from greenlithops.worker.classes import announce
from greenlithops.worker.requests import Outcome, Refused, Request, columns, fitting, parsed

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from greenlithops.worker.children import Children

KEY_VARIABLE = "GREENLITHOPS_KEY"
KEPT_FUNCTIONS = 64
LOG_BYTES = 1 << 20
ROOM = 64 << 10  #: bytes of a reply besides results and output


class Service:
    """Answers invocations; may be asked by many threads at once.

    Args:
        key: what messages are authenticated with.
        clock: the CPU time, in ns, of what a call may use: the thread, or the process where that
            runs one call at a time.
    """

    def __init__(self, key: bytes, clock: Callable[[], int] = time.thread_time_ns) -> None:
        self._key = key
        self._clock = clock
        self._functions: OrderedDict[bytes, Function] = OrderedDict()
        self._images: OrderedDict[bytes, tuple[bytes, list[Any]]] = OrderedDict()  #: for children
        self._classes: dict[bytes, tuple[bytes, list[bytes]]] = {}
        self._lock = threading.Lock()
        self._local = threading.local()
        self._capture = Capture(-1)
        self._capture.set_limit(LOG_BYTES)
        self._name = f"{os.uname().nodename}-{os.getpid()}"
        self._fresh = True
        self._children: Children | None = None

    def answer(self, body: bytes) -> bytes:
        """Return the reply to a request, when all its calls have ended.

        Raises:
            ProtocolError: it is none, or not authentic.
        """
        request = self.read(body)
        if isinstance(request, bytes):
            return request
        outcomes: list[Outcome] = []
        self.run(request, outcomes.append)
        return self.told(request, outcomes)

    def read(self, body: bytes) -> Request | bytes:
        """Return a request whose calls can be run, or else the reply that says why not.

        Raises:
            ProtocolError: it is none, or not authentic.
        """
        try:
            request = parsed(*invocation.unpack(self._key, invocation.REQUEST, body))
        except Refused as refusal:
            return self._reply((invocation.REFUSED, str(refusal)))
        with self._lock:
            for digest, stream, buffers in request.definitions:
                announce(digest, stream, buffers)
                self._classes[digest] = (stream, buffers)
            known = self._known(request)
        if not known:
            return self._reply((invocation.NEEDS_FUNCTION, request.digest))
        with self._lock:
            request.cold, self._fresh = self._fresh, False
        return request

    def _known(self, request: Request) -> bool:
        """Return whether all that a request names is here; make a function that came along."""
        if not self._classes.keys() >= set(request.classes):
            return False
        if request.processes > 1:
            return self._equipped(request)
        name = request.digest + repr(sorted(request.options["environment"].items())).encode()
        function = self._functions.get(name)
        if function is None:
            if request.image is None:
                return False
            function = self._functions[name] = Function(*request.image, request.options)
            if len(self._functions) > KEPT_FUNCTIONS:
                self._functions.popitem(last=False)
        request.function = function
        return True

    def _equipped(self, request: Request) -> bool:
        """Return whether children can be told all that a request names; have it in the request."""
        image = request.image or self._images.get(request.digest)
        if image is None:
            return False
        request.image = self._images[request.digest] = (image[0], list(image[1]))
        if len(self._images) > KEPT_FUNCTIONS:
            self._images.popitem(last=False)
        request.definitions = [(name, *self._classes[name]) for name in request.classes]
        return True

    def run(self, request: Request, tell: Callable[[Outcome], object]) -> None:
        """Run the calls of a request, and tell each outcome as it ends.

        Args:
            request: what `read` has returned.
            tell: called in this thread, or in others where the request wants several processes.
        """
        if request.processes > 1:
            self._processes().run(request, tell)
            return
        for position in range(len(request.calls)):
            if request.stopped:
                return
            tell(self._call(request, position))

    def _processes(self) -> Children:
        with self._lock:
            if self._children is None:
                from greenlithops.worker.children import Children  # noqa: PLC0415 - if asked

                self._children = Children(self._key)
            return self._children

    def _call(self, request: Request, position: int) -> Outcome:
        runner, function = self._runner(), request.function
        assert function is not None  # noqa: S101 - `read` has found it
        offset = time.time_ns() - time.monotonic_ns()
        blob, raw = request.calls[position], request.buffers(position)
        log = self._capture.begin_task(live=False)
        token = task_log.set(log)
        cpu = runner.cpu_at(time.monotonic_ns())
        try:
            context = contextvars.copy_context()
            if function.environment:
                with environment(function.environment):
                    found = context.run(runner.run, function, blob, raw, _nothing, cpu)
            else:
                found = context.run(runner.run, function, blob, raw, _nothing, cpu)
        finally:
            task_log.reset(token)
        status, payload, took = found
        return Outcome(position, status, payload, (took[0] + offset, *took[1:]), log.text())

    def _runner(self) -> Runner:
        runner: Runner | None = getattr(self._local, "runner", None)
        if runner is None:
            runner = self._local.runner = Runner(self._clock)
        return runner

    def told(self, request: Request, outcomes: Sequence[Outcome], *, last: bool = True) -> bytes:
        """Return a message with outcomes of a request.

        Args:
            request: which one.
            outcomes: those that no message has had yet.
            last: whether there will be no others.
        """
        kind = invocation.OUTCOMES if last else invocation.PART
        if request.reply_bytes is not None:
            outcomes = fitting(outcomes, request.reply_bytes - ROOM)
        rows, buffers, logs = columns(outcomes)
        positions = array("I", [outcome.position for outcome in outcomes]).tobytes()
        content = (kind, self._name, request.cold, *rows, logs, positions)
        request.cold = False
        return self._reply(content, buffers)

    def deliver(self, request: Request, place: str) -> None:
        """Run the calls of a request, and put the reply at a URL, where a note lies meanwhile.

        Raises:
            OSError: it cannot be put there.
        """
        from greenlithops.worker.transfer import put  # noqa: PLC0415 - if asked

        put(place, self._reply((invocation.BEGUN, self._name)))
        request.reply_bytes = None  # of the service, which does not carry it
        outcomes: list[Outcome] = []
        self.run(request, outcomes.append)
        put(place, self.told(request, outcomes))
        if request.news is not None:
            _hint(*request.news)

    def addressed(self, body: bytes) -> tuple[bytes, str]:
        """Return a request out of its envelope, and the URL to which its reply shall be put.

        Raises:
            ProtocolError: it is no envelope, or not authentic.
        """
        return invocation.addressed(self._key, body)

    def close(self) -> None:
        """End the processes of this service."""
        if self._children is not None:
            self._children.close()

    def _reply(self, content: Any, buffers: Any = ()) -> bytes:
        return invocation.pack(self._key, invocation.REPLY, content, buffers)


def _nothing(_: Function) -> None:
    """The surroundings of a service are its own."""


def _hint(name: str, options: dict[str, Any], topic: str) -> None:
    """Tell by a push channel that there is a reply; who waits looks for it in the end, too."""
    import logging  # noqa: PLC0415 - if asked

    from greenlithops.monitoring.channel import Place  # noqa: PLC0415
    from greenlithops.monitoring.sender import sender  # noqa: PLC0415

    try:
        sender(Place(name, options)).send(topic, [b"news"])
    except GreenlithopsError as error:
        logging.getLogger("greenlithops.monitoring").warning("a reply is not told of: %s", error)


def key_of_environment() -> bytes:
    """Return the key that the service was deployed with.

    Raises:
        ProtocolError: there is none.
    """
    key = os.environ.get(KEY_VARIABLE, "")
    if not key:
        raise ProtocolError(f"the service needs its key in the environment variable {KEY_VARIABLE}")
    return key.encode()
