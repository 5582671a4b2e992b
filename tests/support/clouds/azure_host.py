"""A host for a function app: what Azure's does with a request or a message of a queue, around the
official package.

``python azure_host.py FOLDER PORT``; the functions of the folder's ``function_app.py`` are indexed
and called by ``azure.functions``; the keys and settings are in the environment.
"""

import contextlib
import importlib
import json
import os
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import azure.functions as func

folder, port = Path(sys.argv[1]), int(sys.argv[2])
sys.path.insert(0, str(folder))
host = json.loads((folder / "host.json").read_text())
assert host["version"] == "2.0", host
module = importlib.import_module("function_app")
assert Path(importlib.import_module("greenlithops").__file__).is_relative_to(folder)
turns = threading.Semaphore(int(os.environ["PYTHON_THREADPOOL_THREAD_COUNT"]))


def listen(call, trigger):
    """Have a function called with each message of a queue, once."""
    # These take a second, and most apps have no queue.
    from azure.core.exceptions import ResourceExistsError  # noqa: PLC0415 - as above
    from azure.storage.queue import QueueServiceClient  # noqa: PLC0415

    settings = host["extensions"]["queues"]
    assert (settings["maxDequeueCount"], settings["messageEncoding"]) == (1, "none"), settings
    name = os.environ[trigger["queueName"].strip("%")]
    account = QueueServiceClient.from_connection_string(os.environ[trigger["connection"]])
    queue = account.get_queue_client(name)
    while True:
        message = queue.receive_message(visibility_timeout=600)
        if message is None:
            time.sleep(0.1)
            continue
        with turns:
            try:
                call(func.QueueMessage(id=message.id, body=message.content))
            except Exception:  # noqa: BLE001 - as the real host does
                traceback.print_exc()
                poison = account.get_queue_client(f"{name}-poison")
                with contextlib.suppress(ResourceExistsError):
                    poison.create_queue()
                poison.send_message(message.content)
        queue.delete_message(message)


routes = {}
for function in module.app.get_functions():
    bindings = json.loads(str(function))["bindings"]
    trigger = next(one for one in bindings if one["type"] in {"httpTrigger", "queueTrigger"})
    assert function.get_trigger().name == trigger["name"], bindings
    user = function.get_user_function()
    if trigger["type"] == "httpTrigger":
        routes["/api/" + trigger["route"]] = (user, trigger)
    else:
        threading.Thread(target=listen, args=(user, trigger), daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        call, trigger = routes.get(self.path, (None, {}))
        if call is None:
            return self._reply(404, {}, b"")
        if self.command not in trigger["methods"]:
            return self._reply(405, {}, b"")
        wanted = os.environ["HOST_KEY"]
        if trigger["authLevel"] != "FUNCTION" or self.headers.get("x-functions-key") != wanted:
            return self._reply(401, {}, b"")
        request = func.HttpRequest(
            self.command, f"https://host{self.path}", headers=dict(self.headers), body=body
        )
        with turns:
            try:
                reply = call(request)
            except Exception as error:  # noqa: BLE001 - as the real host does
                return self._reply(500, {}, repr(error).encode())
        return self._reply(reply.status_code, dict(reply.headers), reply.get_body())

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - as http.server calls them

    def _reply(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
