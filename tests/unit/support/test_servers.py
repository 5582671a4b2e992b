"""The servers of the tests: each can be used, killed, and started again where it was."""

import http.client
import signal
import subprocess
from pathlib import Path

import pytest
import redis

from support import scripts
from support.servers import kinds
from support.servers.process import Guard

S3 = ["seaweedfs", "juicefs"]


def status(server, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request(method, path)
    answer = connection.getresponse().status
    connection.close()
    return answer


@pytest.mark.parametrize("name", [*S3, "fake_gcs", "azurite", "valkey", "valkey_with_password"])
def test_a_server_is_killed_and_started_again(name, request):
    server = request.getfixturevalue(name)
    before = server.process.pid
    server.kill()
    assert not scripts.alive(before)
    with pytest.raises(ConnectionRefusedError):
        status(server, "/")
    server.restart()  # returns once it does what it is for
    assert server.process.pid != before


@pytest.mark.parametrize("name", S3)
def test_an_s3_asks_for_credentials(name, request):
    server = request.getfixturevalue(name)
    assert status(server, "/some-bucket", "PUT") == 403
    with pytest.raises(OSError, match="403"):
        kinds._s3_ready(server.endpoint, server.user, "wrong")
    kinds._s3_ready(server.endpoint, server.user, server.secret)


def test_valkey_keeps_what_it_has_answered(valkey):
    with redis.Redis(port=valkey.port) as client:
        client.set("kept", "yes")
        valkey.kill()
        valkey.restart()
        assert client.getdel("kept") == b"yes"


def test_valkey_wants_its_password(valkey_with_password):
    with (
        redis.Redis(port=valkey_with_password.port, retry=None) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.get("key")
    with redis.Redis(
        port=valkey_with_password.port, password=valkey_with_password.secret
    ) as client:
        assert client.ping()


def test_servers_end_with_the_tests_process(server_guard, tmp_path):
    """Also when it is killed, so that it cannot end them itself."""
    support = Path(kinds.__file__).parents[2]
    script = scripts.start(
        tmp_path,
        f"""
        import sys, time
        sys.path.insert(0, {str(support)!r})
        from support.servers import start_valkey
        from support.servers.process import Guard
        server = start_valkey({str(tmp_path / "valkey")!r}, Guard())
        print(server.process.pid, flush=True)
        time.sleep(60)
        """,
    )
    server = int(scripts.line(script))
    assert scripts.alive(server)
    script.kill()
    scripts.finish(script)
    assert not scripts.gone([server], 10)


def test_what_a_killed_server_leaves_elsewhere_is_removed(tmp_path):
    stray = tmp_path / "socket"
    stray.touch()
    server = subprocess.Popen(["sleep", "600"], start_new_session=True)
    guard = Guard()
    guard.watch(server.pid, [stray, tmp_path / "never made"])
    guard.close()
    assert server.wait(scripts.LIMIT) == -signal.SIGKILL
    assert not stray.exists()
