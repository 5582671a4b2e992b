import io
import os
import socket
import subprocess
import sys
import time
import zipfile

import pytest

from greenlithops.backends.compute.package import package
from greenlithops.sync.loop import background
from support.servers.process import free_ports

KEY = "the key of these tests"

background().call(lambda: None)  # it belongs to the process, not to the test that comes first


@pytest.fixture(scope="session")
def package_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache_of_packages(monkeypatch, package_cache):
    """Packages of functions are built once for all tests, and not in the user's own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(package_cache))


@pytest.fixture(autouse=True)
def whole_batches(monkeypatch):
    """What a test sends in one request goes in one, however long the processor is another's."""
    monkeypatch.setattr("greenlithops.dispatch.intake.TAKE_NS", 10_000_000_000)


@pytest.fixture(scope="session")
def code(tmp_path_factory, package_cache):
    """The package of a function, unpacked as its service has it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(package_cache))
        content = package().archive()
    folder = tmp_path_factory.mktemp("code")
    zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
    return folder


class Server:
    """uvicorn with the worker's application, or another one, in a process of its own."""

    def __init__(self, folder, app="greenlithops.worker.application:app", concurrency=16):
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}/"
        self._command = [sys.executable, "-m", "uvicorn", app, "--port", str(self.port)]
        self._command += ["--log-level", "warning", "--lifespan", "on"]
        # Behind a proxy that refuses some requests, a connection may rest for long.
        self._command += ["--timeout-keep-alive", "300"]
        self._environment = os.environ | {
            "GREENLITHOPS_KEY": KEY,
            "GREENLITHOPS_CONCURRENCY": str(concurrency),
        }
        self.folder = folder
        self.start()

    def marker(self, name):
        """Return the path of something in the folder of the server."""
        return self.folder / name

    def start(self):
        self.process = subprocess.Popen(self._command, cwd=self.folder, env=self._environment)
        for _ in range(1000):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except ConnectionRefusedError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("the server did not start")

    def end(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(*args, **kwargs):
        servers.append(Server(tmp_path, *args, **kwargs))
        return servers[-1]

    yield start
    for server in servers:
        server.end()
