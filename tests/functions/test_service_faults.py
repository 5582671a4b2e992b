"""What goes wrong between a client and a real server: a proxy breaks it, or the service itself."""

import asyncio
import http.server
import pickle
import resource
import sys
import threading
import time

import pytest

import greenlithops as gl
from greenlithops.backends.compute.http import backend as backends
from greenlithops.backends.compute.http import client
from greenlithops.backends.compute.http.backend import HttpBackend
from greenlithops.errors import (
    CallCancelled,
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
    WorkerLost,
)
from greenlithops.offload import off_loop
from greenlithops.worker import invocation
from greenlithops.worker.service import Service
from support.clock import soon
from support.faults import FaultProxy, Faults

KEY = "the key of these tests"
FILES = 15_000
PYTHON = tuple(sys.version_info[:2])
FUNCTION, ARGUMENTS = pickle.dumps(abs), pickle.dumps((-3,))
OPTIONS = {
    "directory": "",
    "path": [],
    "environment": {},
    "is_async": False,
    "timeout": None,
    "live": False,
}
MESSAGE = (
    "d3d5ccf597ceb432dc4b11a2881b71ea6aab93d7f295e97f5297203a03c65548020000000100000014000000"
    "00000000030000000000000080059509000000000000008c0161944b0186942e726177"
)

FAILING = """
from greenlithops.worker.application import Application, say

inner = Application(concurrency=8)
left = {500: 3, 502: 3, 504: 3}


async def app(scope, receive, send):
    if scope["type"] == "http" and scope["method"] == "POST":
        for status, more in left.items():
            if more:
                left[status] -= 1
                await say(send, status, "it has failed")
                return
    await inner(scope, receive, send)
"""

REFUSING = """
from greenlithops.worker.application import say


async def app(scope, receive, send):
    if scope["type"] == "http":
        await say(send, int(scope["path"].strip("/")), "it is refused")
"""

PROXIES = """
from greenlithops.worker.application import Application

inner = Application(concurrency=8)


async def app(scope, receive, send):
    if scope["type"] != "http":
        await inner(scope, receive, send)
        return
    kind, status = (b"content-type", b"text/html"), 200
    headers = [kind]
    if scope["path"] == "/zipped":
        headers = [(b"content-type", b"application/octet-stream"), (b"content-encoding", b"gzip")]
    elif scope["path"] == "/moved":
        headers, status = [(b"location", b"/")], 302
    elif dict(scope["headers"]).get(b"accept-encoding") == b"identity" and scope["path"] == "/":
        await inner(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"<h1>Sign in</h1>"})
"""

OLDER = """
import array
from greenlithops.worker import invocation
from greenlithops.worker.application import Application
from greenlithops.worker.service import Service

WIDTH = 6


class Older(Service):
    def told(self, request, outcomes, *, last=True):
        key = self._key
        content, buffers = invocation.unpack(
            key, invocation.REPLY, super().told(request, outcomes, last=last)
        )
        kind, name, cold, statuses, blobs, counts, times, logs, positions = content
        figures = array.array("q", times)
        width = len(figures) // len(blobs)
        short = array.array("q")
        for call in range(len(blobs)):
            short += figures[width * call : width * call + WIDTH]
        old = (kind, name, cold, statuses, blobs, counts, short.tobytes(), logs)
        return invocation.pack(key, invocation.REPLY, old, buffers)


app = Application(concurrency=8)
service, _ = app._parts()
service.__class__ = Older
"""


@pytest.fixture
async def server(serve):
    return await off_loop(serve)


def nap(seconds):
    time.sleep(seconds)
    return seconds


async def test_errors_of_the_service_are_tried_again_if_that_is_wanted(serve, tmp_path):
    (tmp_path / "failing.py").write_text(FAILING)
    server = await off_loop(serve, "failing:app")
    async with soon(40), gl.AsyncExecutor(HttpBackend(server.url, KEY)) as executor:
        with pytest.raises(WorkerLost, match="500"):
            await executor.submit(abs, -1)
        policy = gl.RetryPolicy(attempts=10, delay=0.01)
        assert await executor.map(abs, range(-20, 0), retries=policy) == list(range(20, 0, -1))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, ServiceRefused),
        (403, ServiceRefused),
        (404, ServiceRefused),
        (413, PayloadTooLarge),
        (503, ServiceUnavailable),
    ],
)
async def test_what_is_not_tried_again_for_ever(serve, tmp_path, status, error):
    (tmp_path / "refusing.py").write_text(REFUSING)
    server = await off_loop(serve, "refusing:app")
    backend = HttpBackend(f"{server.url}{status}", KEY, patience=0.3)
    async with soon(30), gl.AsyncExecutor(backend) as executor:
        with pytest.raises(error, match=str(status)):
            await executor.submit(abs, -1)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("moved", "is at /: give that"),
        ("portal", "no worker.*Sign in"),
        ("zipped", "Content-Encoding: gzip.*switch compression off"),
    ],
)
async def test_what_stands_before_a_service_and_answers_itself(serve, tmp_path, path, text):
    (tmp_path / "proxies.py").write_text(PROXIES)
    server = await off_loop(serve, "proxies:app")
    for chunksize in (1, 2):
        backend = HttpBackend(f"{server.url}{path}", KEY)
        async with soon(60), gl.AsyncExecutor(backend, chunksize=chunksize) as executor:
            with pytest.raises(ServiceRefused, match=text):
                await executor.map(abs, range(2))
    async with soon(60), gl.AsyncExecutor(HttpBackend(server.url, KEY)) as executor:
        assert await executor.submit(abs, -1) == 1  # nothing was asked to compress


async def test_broken_connections_lose_calls_and_retries_bring_them_back(server):
    faults = Faults(reset_before=0.1, reset_request=0.1, reset_answered=0.1, truncate=0.1)
    async with soon(50), FaultProxy(server.port, faults) as proxy:
        backend = HttpBackend(f"http://127.0.0.1:{proxy.port}/", KEY)
        async with gl.AsyncExecutor(backend, max_workers=8, chunksize=4) as executor:
            policy = gl.RetryPolicy(attempts=20, delay=0.01)
            results = await executor.map(abs, range(-200, 0), retries=policy)
            assert results == list(range(200, 0, -1))
            lost = await executor.map(abs, range(-200, 0)).results(return_exceptions=True)
            assert {type(one) for one in lost} == {int, WorkerLost}
            assert all(one == 200 - place for place, one in enumerate(lost) if type(one) is int)
        assert sum(proxy.counts.values()) > 10


async def test_throttling_by_what_stands_before_a_service(server):
    async with soon(50), FaultProxy(server.port, Faults(throttle=0.3, busy=0.2)) as proxy:
        backend = HttpBackend(f"http://127.0.0.1:{proxy.port}/", KEY)
        async with gl.AsyncExecutor(backend) as executor:
            assert await executor.map(abs, range(-200, 0)) == list(range(200, 0, -1))
        assert proxy.counts["throttle"] > 20


class Impatient(http.server.BaseHTTPRequestHandler):
    """A service that closes each connection after its reply, and does not say so."""

    protocol_version = "HTTP/1.1"
    service = Service(KEY.encode())
    left = threading.Semaphore(0)  #: released for each connection that was closed

    def do_POST(self):
        reply = self.service.answer(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)
        self.close_connection = True

    def log_message(self, *_):
        pass


class ImpatientServer(http.server.ThreadingHTTPServer):
    def shutdown_request(self, request):
        super().shutdown_request(request)
        Impatient.left.release()


@pytest.fixture
def impatient():
    server = ImpatientServer(("127.0.0.1", 0), Impatient)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_connections_that_were_closed_while_the_loop_was_busy(impatient, monkeypatch):
    kept = 0.05
    monkeypatch.setattr(client, "KEPT_SECONDS", kept)
    async with soon(60), gl.AsyncExecutor(HttpBackend(impatient, KEY)) as executor:
        for _ in range(4):
            assert await executor.map(abs, range(-8, 0)) == list(range(8, 0, -1))
            until, closed = time.monotonic() + 4 * kept, 0
            while closed < 8 or time.monotonic() < until:  # the loop sees nothing of it
                closed += Impatient.left.acquire(blocking=False)


async def test_a_reply_that_never_comes(server, monkeypatch):
    monkeypatch.setattr(backends, "GRACE_SECONDS", 0.0)
    backend = HttpBackend(server.url, KEY, runtime_timeout=2.5)
    async with soon(30), gl.AsyncExecutor(backend) as executor:
        with pytest.raises(WorkerLost, match="runtime_timeout"):
            await executor.submit(nap, 60.0)
        assert await executor.submit(nap, 0.1) == 0.1


async def test_a_stream_that_goes_silent(server, monkeypatch):
    """What was told before is kept."""
    monkeypatch.setattr(backends, "GRACE_SECONDS", 0.0)
    backend = HttpBackend(server.url, KEY, runtime_timeout=2.5)
    async with soon(30), gl.AsyncExecutor(backend, chunksize=3) as executor:
        results = await executor.map(nap, [0.1, 0.2, 60.0]).results(return_exceptions=True)
    assert results[:2] == [0.1, 0.2]
    assert isinstance(results[2], WorkerLost)


@pytest.mark.parametrize("calls", [500, pytest.param(5000, marks=pytest.mark.heavy)])
async def test_a_client_that_cancels_with_many_calls_open(serve, room_for_files, calls):
    """The connections go, and the service does not run for hours what nobody waits for."""
    server = await off_loop(serve)
    backend = HttpBackend(server.url, KEY, concurrency=calls)
    async with soon(55), gl.AsyncExecutor(backend) as executor:
        job = executor.map(nap, [5.0] * calls)
        for _ in range(1000):
            if not job.progress.waiting and job.progress.done >= 16:
                break
            await asyncio.sleep(0.05)
        job.cancel()
        results = await job.results(return_exceptions=True)
        assert sum(isinstance(result, CallCancelled) for result in results) > calls // 2
        assert await executor.submit(nap, 0.01) == 0.01  # the others would take minutes


@pytest.fixture
def room_for_files():
    """Thousands of connections are as many files, in the service too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FILES:
        pytest.fail(f"this test needs {FILES} open files, and the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_an_older_service_by_a_stand_in(serve, tmp_path):
    """It tells fewer figures of calls, and no positions."""
    (tmp_path / "older.py").write_text(OLDER)
    server = await off_loop(serve, "older:app")
    async with soon(30), gl.AsyncExecutor(HttpBackend(server.url, KEY)) as executor:
        job = executor.map(nap, [0.01, 0.02])
        assert await job == [0.01, 0.02]
    assert job[1].stats.wall_seconds >= 0.02
    assert job[1].stats.peak_memory_bytes > 1 << 20


def test_a_request_without_wishes():
    """As a client packs it that knows of none: as long as the version stays, it is answered."""
    key, content = b"key", (PYTHON, b"digest", (FUNCTION, 0), OPTIONS, [], [ARGUMENTS], [])
    service = Service(key)
    reply = service.answer(invocation.pack(key, invocation.REQUEST, content))
    (kind, _, cold, statuses, blobs, *_), _ = invocation.unpack(key, invocation.REPLY, reply)
    assert (kind, cold, statuses, pickle.loads(blobs[0])) == (0, True, b"\0", 3)


def test_messages_of_this_version():
    """The bytes themselves: whoever changes them needs another version."""
    assert invocation.pack(b"key", invocation.REQUEST, ("a", 1), [b"raw"]).hex() == MESSAGE
    assert invocation.unpack(b"key", invocation.REQUEST, bytes.fromhex(MESSAGE)) == (
        ("a", 1),
        [b"raw"],
    )
