"""A web server for tests: pages with and without ranges, and with faults on request."""

from __future__ import annotations

import contextlib
import http.server
import threading

from support.clock import BUSY


@contextlib.contextmanager
def serve(pages, *, ranges=True, etags=True, length=True, faults=()):  # noqa: C901 - one fault a line
    """Give the address of a server on loopback.

    Args:
        pages: contents by path; may change meanwhile.
        ranges: whether it answers requests for parts with parts.
        etags: whether it tells versions.
        length: whether it tells how long contents are.
        faults: what happens to the first requests, one each: a status, ``"cut"`` for an answer
            that breaks off in the middle, ``"stall"`` for one that stops there until the client
            hangs up, ``"shifted"`` for one that brings the last half whatever was asked for, an
            event for one whose second half comes when it is set.
    """
    coming = list(faults)
    asked, hung_up = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if length else "HTTP/1.0"

        def do_GET(self):
            asked.append(self.headers.get("Range"))
            fault = coming.pop(0) if coming else None
            if isinstance(fault, int):
                self.send_response(fault)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = pages.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.answer(content, fault)

        def answer(self, content, fault):
            start, stop, status = 0, len(content), 200
            cut = fault in ("cut", "stall")
            held = isinstance(fault, threading.Event)
            wanted = self.headers.get("Range") if ranges else None
            if wanted is not None:
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                start, status = int(first), 206
                stop = min(int(last) + 1, stop) if last else stop
                if fault == "shifted":
                    start, stop = len(content) // 2, len(content)
                if start >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(content)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
            self.send_response(status)
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
            if length:
                self.send_header("Content-Length", str(stop - start))
            if etags:
                self.send_header("ETag", f'"{hash(content)}"')
            self.end_headers()
            body = content[start:stop]
            with contextlib.suppress(ConnectionError):  # who has enough hangs up
                half = len(body) // 2
                self.wfile.write(body[:half] if cut or held else body)
                if held:
                    fault.wait(BUSY)
                    self.wfile.write(body[half:])
                if fault == "stall":
                    hung_up.append(not self.rfile.read(1))
            if cut:
                self.close_connection = True

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = asked
    server.hung_up = hung_up
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
