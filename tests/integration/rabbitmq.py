"""A RabbitMQ of its own for tests: on loopback alone, with its own name service."""

import shutil
import socket
from pathlib import Path

from support.servers.kinds import HOST, _started
from support.servers.process import Process, Server, free_ports

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
# Both are of one group of processes, so that they end together.
LAUNCH = "epmd -address 127.0.0.1 -port $ERL_EPMD_PORT & exec {server}"


def start_rabbitmq(folder, guard):
    """A real broker, whose user is guest."""
    assert SERVER.exists(), "run tests/integration/setup"
    assert shutil.which("epmd")
    return _started(_rabbitmq, folder, guard)


def _rabbitmq(folder, guard):
    port, names, own = free_ports(3)
    settings = folder / "rabbitmq.conf"
    settings.write_text(
        f"listeners.tcp.default = {HOST}:{port}\nvm_memory_high_watermark.relative = 0.1\n"
    )
    plugins = folder / "enabled_plugins"
    plugins.write_text("[].")
    variables = {
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": HOST,
        "RABBITMQ_NODENAME": f"tests-{port}@localhost",
        "RABBITMQ_DIST_PORT": str(own),
        "RABBITMQ_CONFIG_FILE": str(settings),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    command = ["bash", "-c", LAUNCH.format(server=SERVER)]
    process = Process(command, folder, variables, lambda: _greets(port), guard)
    return Server(f"amqp://guest:guest@{HOST}:{port}", folder, process, "guest", "guest")


def _greets(port):
    """Return once the broker begins to speak AMQP."""
    with socket.create_connection((HOST, port), timeout=5) as connection:
        connection.settimeout(5)
        connection.sendall(b"AMQP\0\0\x09\x01")
        if connection.recv(1) != b"\x01":
            raise OSError("no greeting")
