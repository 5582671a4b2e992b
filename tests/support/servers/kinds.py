"""The kinds of servers: how each is told its ports and folder, and when it is ready."""

import base64
import http.client
import json
import secrets
import socket
import subprocess
from pathlib import Path

from support.servers.environment import node, node_script, program
from support.servers.process import Process, Server, ServerError, free_ports

HOST = "127.0.0.1"
REGION = "us-east-1"
TRIES = 3  #: another process may take a port between its choice and its use

_ACCOUNT_KEY = base64.b64encode(secrets.token_bytes(64)).decode()  # of all services of the account


def _started(start, folder, guard):
    """Return a server that ``start(folder, guard)`` makes, with other ports if one is taken."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    for attempt in range(1, TRIES + 1):
        server = start(folder, guard)
        try:
            server.process.start()
        except ServerError:
            if attempt == TRIES:
                raise
        else:
            return server
    raise AssertionError("unreachable")


def start_seaweedfs(folder, guard):
    """An S3 that authenticates, with conditional writes and true errors."""
    return _started(_seaweedfs, folder, guard)


def start_juicefs(folder, guard):
    """An S3 without conditional writes: it ignores If-None-Match and If-Match."""
    return _started(_juicefs, folder, guard)


def start_ceph(folder, guard):
    """Ceph's gateway for S3, which takes keys as they are; from Debian's packages, not ours."""
    return _started(_ceph, folder, guard)


def start_fake_gcs(folder, guard, *, on_disk=False):
    """Google Cloud Storage's JSON API, without authentication.

    Args:
        folder: where its log is.
        guard: as for `Process`.
        on_disk: keep objects when it is killed; then keys have at most about 200 bytes.
    """
    return _started(lambda *place: _fake_gcs(*place, on_disk=on_disk), folder, guard)


def start_azurite(folder, guard, *, on_disk=True):
    """Azure's Blob service.

    Args:
        folder: where its log is, and what it stores.
        guard: as for `Process`.
        on_disk: keep blobs when it is killed; otherwise it is quicker.
    """
    return _started(lambda *place: _azurite(*place, on_disk=on_disk), folder, guard)


def start_azurite_queue(folder, guard):
    """Azure's Queue service."""
    return _started(lambda *place: _azurite(*place, service="queue"), folder, guard)


def start_valkey(folder, guard, *, password="", cluster=False):
    """A server of Redis' protocol that has written every command to disk when it answers."""
    return _started(
        lambda *place: _valkey(*place, password=password, cluster=cluster), folder, guard
    )


def _seaweedfs(folder, guard):
    names = ("master", "volume", "filer", "s3")
    ports = free_ports(2 * len(names))
    user, secret = _key(), _key()
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": user, "secretKey": secret}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    data = folder / "data"
    data.mkdir(exist_ok=True)
    chosen = []
    for name, port, grpc in zip(names, ports[::2], ports[1::2], strict=True):
        chosen += [f"-{name}.port={port}", f"-{name}.port.grpc={grpc}"]
    endpoint = f"http://{HOST}:{ports[6]}"
    # A socket's path has at most 107 bytes, and a test's folder may take all of them.
    own = [Path(f"/tmp/seaweedfs-{name}-{ports[6]}.sock") for name in ("s3", "filer")]
    command = [
        *(program("weed"), "server", "-s3", *chosen, f"-ip={HOST}", f"-ip.bind={HOST}"),
        *(f"-dir={data}", f"-s3.config={config}", "-master.telemetry=false"),
        # Ports of services that are not tested, and sockets in the common folder.
        *("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.localSocket={own[0]}"),
        f"-filer.localSocket={own[1]}",
        *("-s3.autoCreateBucket=false", "-s3.allowDeleteBucketNotEmpty=false"),
        *("-volume.max=200", "-master.volumeSizeLimitMB=64"),
        # The one master elects itself; until then nothing works after a restart.
        *("-master.electionTimeout=1s", "-master.heartbeatInterval=100ms"),
    ]
    sockets = own + [
        Path(f"/tmp/seaweedfs-{name}-grpc-{port}.sock")
        for name, port in zip(names, ports[1::2], strict=True)
    ]
    process = Process(
        command, folder, {}, lambda: _s3_ready(endpoint, user, secret), guard, strays=sockets
    )
    return Server(endpoint, folder, process, user, secret)


def _juicefs(folder, guard):
    (port,) = free_ports(1)
    user, secret = _key(), _key()
    data = folder / "data"
    database = f"sqlite3://{folder / 'meta.db'}"
    subprocess.run(
        [
            *(program("juicefs"), "format", "--storage=file", f"--bucket={data}/"),
            *("--trash-days=0", database, "tests"),
        ],
        check=True,
        capture_output=True,
    )
    endpoint = f"http://{HOST}:{port}"
    command = [
        *(program("juicefs"), "gateway", "--multi-buckets", "--keep-etag", "--object-meta"),
        *("--no-usage-report", "--no-banner", f"--cache-dir={folder / 'cache'}"),
        *(f"--log={folder / 'gateway.log'}", database, f"{HOST}:{port}"),
    ]
    keys = {"MINIO_ROOT_USER": user, "MINIO_ROOT_PASSWORD": secret}
    process = Process(command, folder, keys, lambda: _s3_ready(endpoint, user, secret), guard)
    return Server(endpoint, folder, process, user, secret)


def _ceph(folder, guard):
    port, monitor = free_ports(2)
    user, secret = _key(), _key()
    endpoint = f"http://{HOST}:{port}"
    script = Path(__file__).with_name("ceph.sh")
    command = ["bash", script, folder / "data", port, monitor, user, secret]
    process = Process(command, folder, {}, lambda: _s3_ready(endpoint, user, secret), guard)
    return Server(endpoint, folder, process, user, secret)


def _fake_gcs(folder, guard, *, on_disk):
    (port,) = free_ports(1)
    endpoint = f"http://{HOST}:{port}"
    command = [
        *(program("fake-gcs-server"), "-scheme=http", f"-host={HOST}", f"-port={port}"),
        *(f"-public-host={HOST}:{port}", f"-external-url={endpoint}", "-log-level=error"),
        f"-backend={'filesystem' if on_disk else 'memory'}",
        f"-filesystem-root={folder / 'data'}",
    ]
    process = Process(
        command, folder, {}, lambda: _answers(endpoint, "/storage/v1/b?project=p", 200), guard
    )
    return Server(endpoint, folder, process)


def _azurite(folder, guard, service="blob", *, on_disk=True):
    (port,) = free_ports(1)
    account, key = "tests", _ACCOUNT_KEY
    endpoint = f"http://{HOST}:{port}/{account}"
    command = [
        *(
            node(),
            node_script(f"azurite/dist/src/{service}/main.js"),
            "--silent",
            "--disableTelemetry",
        ),
        "--skipApiVersionCheck",
        f"--location={folder / 'data'}" if on_disk else "--inMemoryPersistence",
        *(f"--{service}Host={HOST}", f"--{service}Port={port}"),
    ]
    process = Process(
        command,
        folder,
        {"AZURITE_ACCOUNTS": f"{account}:{key}"},
        # Without a signature it refuses, but it is Azurite that does.
        lambda: _answers(endpoint, f"/{account}?comp=list", 403),
        guard,
    )
    return Server(endpoint, folder, process, account, key)


def _valkey(folder, guard, *, password, cluster):
    port, bus = free_ports(2)
    config = folder / "valkey.conf"
    lines = [
        f"bind {HOST}",
        f"port {port}",
        f"dir {folder}",
        "appendonly yes",
        "appendfsync always",
        'save ""',
        "busy-reply-threshold 120000",  # a busy machine is no reason to refuse others
        *([f"requirepass {password}"] if password else []),
        *(["cluster-enabled yes", f"cluster-port {bus}"] if cluster else []),
    ]
    config.write_text("\n".join(lines) + "\n")
    process = Process(
        [program("valkey-server"), config], folder, {}, lambda: _pongs(port, password), guard
    )
    return Server(f"redis://{HOST}:{port}", folder, process, "", password)


def _key():
    return secrets.token_hex(12)


def _s3_ready(endpoint, user, secret):
    """Return once an object can be put; an open port does not tell that."""
    # Imported here, since every test run imports this module and few need that.
    from botocore.auth import S3SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    for method, path, good in (
        ("PUT", "/readiness", (200, 409)),
        ("PUT", "/readiness/probe", (200,)),
        ("DELETE", "/readiness/probe", (204,)),
        ("DELETE", "/readiness", (204,)),
    ):
        request = AWSRequest(method, f"{endpoint}{path}", data=b"")
        S3SigV4Auth(Credentials(user, secret), "s3", REGION).add_auth(request)
        _answers(endpoint, path, *good, method=method, headers=dict(request.headers.items()))


def _answers(endpoint, path, *good, method="GET", headers=None):
    """Send a request; raise `OSError` if the answer has another status than those expected."""
    host = endpoint.removeprefix("http://").partition("/")[0]
    connection = http.client.HTTPConnection(host, timeout=5)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        text = response.read()
    except http.client.HTTPException as error:
        raise OSError(f"{method} {path}: {error!r}") from error
    finally:
        connection.close()
    if response.status not in good:
        raise OSError(f"{method} {path}: {response.status} {text[:200]!r}")


def _pongs(port, password):
    """Return once the server answers to a ping; it refuses while it reads its files."""
    greeting = f"AUTH {password}\r\nPING\r\n" if password else "PING\r\n"
    with socket.create_connection((HOST, port), timeout=5) as connection:
        connection.settimeout(5)
        connection.sendall(greeting.encode())
        answer = b""
        while not answer.endswith(b"+PONG\r\n"):
            more = connection.recv(1000)
            answer += more
            if not more or b"-" in answer:
                raise OSError(f"it answered {answer!r}")
