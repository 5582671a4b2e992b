"""The servers as fixtures: each is started when the first test asks for it, once per session."""

import pytest

from support.servers import (
    environment,
    start_azurite,
    start_azurite_queue,
    start_ceph,
    start_fake_gcs,
    start_juicefs,
    start_seaweedfs,
    start_valkey,
)
from support.servers.functions import start_ministack
from support.servers.process import Guard

STARTERS = {
    "seaweedfs",
    "juicefs",
    "fake_gcs",
    "azurite",
    "azurite_queue",
    "valkey",
    "valkey_with_password",
}
OF_FUNCTIONS = {"ministack", "function_guard"}
OF_SDKS = {"sdk"}


def pytest_collection_finish(session):
    """Install the servers before the first test, whose time is limited."""
    asked = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if asked & {*STARTERS, "server_guard"} and not session.config.option.collectonly:
        environment.ensure()
    if asked & OF_FUNCTIONS and not session.config.option.collectonly:
        environment.ensure_functions()
    if asked & OF_SDKS and not session.config.option.collectonly:
        environment.ensure_sdks()


@pytest.fixture(scope="session")
def guard():
    """What kills servers that are left when this process is gone."""
    one = Guard()
    yield one
    one.close()


@pytest.fixture(scope="session")
def server_guard(guard):
    """The same, for servers of the common environment; for starting one's own."""
    environment.ensure()
    return guard


@pytest.fixture(scope="session")
def function_guard(guard):
    """The same, for servers of functions."""
    environment.ensure_functions()
    return guard


@pytest.fixture(scope="session")
def sdk():
    """The Python that has providers' own clients."""
    environment.ensure_sdks()
    return environment.SDKS / "bin" / "python"


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory):
    """Where the session's servers keep their data."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def seaweedfs(server_guard, server_folder):
    """An S3 with authentication and conditional writes."""
    server = start_seaweedfs(server_folder / "seaweedfs", server_guard)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def juicefs(server_guard, server_folder):
    """An S3 without conditional writes."""
    server = start_juicefs(server_folder / "juicefs", server_guard)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def ceph(guard, server_folder):
    """An S3 that takes keys as they are."""
    server = start_ceph(server_folder / "ceph", guard)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def fake_gcs(server_guard, server_folder):
    """Google Cloud Storage's JSON API; it keeps nothing when it is killed."""
    server = start_fake_gcs(server_folder / "fake-gcs", server_guard)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def azurite(server_guard, server_folder):
    """Azure's Blob service."""
    server = start_azurite(server_folder / "azurite", server_guard)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def azurite_queue(server_guard, server_folder):
    """Azure's Queue service."""
    server = start_azurite_queue(server_folder / "azurite-queue", server_guard)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def valkey(server_guard, server_folder):
    """A server of Redis' protocol."""
    server = start_valkey(server_folder / "valkey", server_guard)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def valkey_with_password(server_guard, server_folder):
    """A server of Redis' protocol that wants a password."""
    server = start_valkey(
        server_folder / "valkey-with-password", server_guard, password="correct-horse"
    )
    yield server
    server.kill()


@pytest.fixture(scope="session")
def ministack(function_guard, server_folder):
    """An AWS that runs the handlers of Lambda functions."""
    server = start_ministack(server_folder / "ministack", function_guard)
    yield server
    server.kill()
