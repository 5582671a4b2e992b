"""A server that only these tests need."""

import shutil
from pathlib import Path

import pytest

from support.servers.kinds import HOST, _answers, _started
from support.servers.process import Process, Server, free_ports

#: Google's tools are in none of the registries that the other servers come from
TOOLS = Path("/usr/lib/google-cloud-sdk/platform/pubsub-emulator/bin")


@pytest.fixture(scope="session")
def pubsub(guard, server_folder):
    """Google's own emulator of Pub/Sub, of the package google-cloud-cli-pubsub-emulator."""
    program = shutil.which("cloud-pubsub-emulator", path=TOOLS)
    if program is None:
        pytest.skip("needs Google's package google-cloud-cli-pubsub-emulator")

    def start(folder, guard):
        (port,) = free_ports(1)
        endpoint = f"http://{HOST}:{port}"
        command = [program, f"--host={HOST}", f"--port={port}"]
        process = Process(command, folder, {}, lambda: _answers(endpoint, "/", 200), guard)
        return Server(endpoint, folder, process)

    server = _started(start, server_folder / "pubsub", guard)
    yield server
    server.kill()
