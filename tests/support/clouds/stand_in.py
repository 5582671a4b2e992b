"""An HTTP server on loopback that answers as a provider's API would, and writes down who asked."""

import contextlib
import http.client
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from support.servers.process import free_ports


class Asked(NamedTuple):
    """A request; names of headers are in small letters."""

    method: str
    path: str
    query: dict
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


class Said(NamedTuple):
    """An answer; None as its body closes the connection without one."""

    status: int
    body: object = b""
    headers: Mapping = MappingProxyType({})


def content(value, status=200, **headers):
    """Return an answer in JSON."""
    named = {name.replace("_", "-"): str(text) for name, text in headers.items()}
    return Said(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


class StandIn:
    """Serves what `answer` says, until it is closed.

    Attributes:
        asked: all requests.
        next: answers that are given before `answer` is asked: one for each request of the method
            and the path's end that stands before it.
    """

    def __init__(self):
        self.asked = []
        self.next = deque()
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self):
                size = int(self.headers.get("Content-Length", "0"))
                parts = urlsplit(self.path)
                asked = Asked(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(size),
                )
                said = stand_in.respond(asked)
                if said.body is None:
                    self.close_connection = True
                    return
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                self.wfile.write(said.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - its names

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_):
                pass  # clients that are cancelled close their connections

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def respond(self, asked):
        self.asked.append(asked)
        if self.next and asked.method == self.next[0][0] and asked.path.endswith(self.next[0][1]):
            said = self.next.popleft()[2]
            return said() if callable(said) else said
        return self.answer(asked)

    def answer(self, asked):
        raise NotImplementedError

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Pod:
    """A process with the worker's HTTP application, as a container would have it."""

    def __init__(self, folder, command, environment):
        (self.port,) = free_ports(1)
        words = [sys.executable if word == "python" else word for word in command]
        words = [str(self.port) if word == "8080" else word for word in words]
        words = ["127.0.0.1" if word == "0.0.0.0" else word for word in words]
        with (folder / "pod.log").open("ab") as log:
            self.process = subprocess.Popen(
                words,
                cwd=folder,
                env=os.environ | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        for _ in range(1500):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except ConnectionRefusedError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("the pod did not start")

    def ask(self, asked, path="/"):
        """Pass a request on, and return what is answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=50)
        try:
            connection.request(asked.method, path, asked.body)
            answer = connection.getresponse()
            return Said(
                answer.status, answer.read(), {"Content-Type": answer.headers["content-type"]}
            )
        except OSError:
            return Said(502, b"upstream connect error")
        finally:
            connection.close()

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
