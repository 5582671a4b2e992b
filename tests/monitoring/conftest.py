"""Servers that only these tests need."""

import pytest

from support.clouds.pubsub import EMULATOR, PubsubStandIn
from support.servers.kinds import HOST, _answers, _started
from support.servers.process import Process, Server, free_ports


@pytest.fixture
async def pubsub_stand_in():
    """What answers as Pub/Sub does, as far as our requests go."""
    async with PubsubStandIn() as one:
        yield one


@pytest.fixture(scope="session")
def pubsub_emulator(guard, server_folder):
    """Google's own emulator of Pub/Sub."""

    def start(folder, guard):
        (port,) = free_ports(1)
        endpoint = f"http://{HOST}:{port}"
        command = [EMULATOR, f"--host={HOST}", f"--port={port}"]
        process = Process(command, folder, {}, lambda: _answers(endpoint, "/", 200), guard)
        return Server(endpoint, folder, process)

    server = _started(start, server_folder / "pubsub", guard)
    yield server
    server.kill()
