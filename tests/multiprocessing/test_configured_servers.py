"""Servers as others run them: over TLS, for a user with few rights, and a cluster of three."""

import asyncio
import contextlib
import queue
import socket
import sys
import time
from pathlib import Path

import pytest
import redis
import trustme

import greenlithops.multiprocessing as mp
from greenlithops.errors import StateError, StateUnavailable
from greenlithops.multiprocessing import aio, config
from greenlithops.multiprocessing import session as sessions
from greenlithops.multiprocessing.connection import Client, Listener, wait
from support.scripts import LIMIT
from support.servers import start_valkey
from support.servers.process import Process, free_ports

HOST = "127.0.0.1"
RIGHTS = ("resetkeys", "~gl:*", "resetchannels", "-@all", "+@read", "+@write", "+@scripting")
MORE_RIGHTS = ("+@blocking", "+@connection", "+time")
SLOTS = 16384


@pytest.fixture(scope="module")
def over_tls(valkey_with_password, tmp_path_factory, server_guard):
    """A server behind TLS with a certificate of an authority of its own."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    certificate, trusted = folder / "server.pem", folder / "authority.pem"
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(certificate)
    authority.cert_pem.write_to_path(trusted)
    (port,) = free_ports(1)
    script = Path(__file__).parents[1] / "support" / "tls_front.py"
    command = [sys.executable, script, certificate, port, valkey_with_password.port]

    def ready():
        with socket.create_connection((HOST, port), 1):
            pass

    process = Process(command, folder, {}, ready, server_guard)
    process.start()
    secret = valkey_with_password.secret
    yield {
        "host": HOST,
        "port": port,
        "password": secret,
        "ssl": True,
        "ssl_ca_certs": str(trusted),
    }
    process.kill()


@pytest.fixture(scope="module")
def with_few_rights(valkey_with_password):
    """A user who may use keys of ours only, and no commands of administration."""
    place = {"host": HOST, "port": valkey_with_password.port}
    with redis.Redis(**place, password=valkey_with_password.secret) as admin:
        admin.execute_command("ACL", "SETUSER", "worker", "on", ">pw", *RIGHTS, *MORE_RIGHTS)
    return place | {"username": "worker", "password": "pw"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, server_guard):
    """Three servers that share the slots."""
    folder = tmp_path_factory.mktemp("cluster")
    servers = [start_valkey(folder / str(n), server_guard, cluster=True) for n in range(3)]
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(redis.Redis(port=server.port)) for server in servers]
        bounds = [0, SLOTS // 3, 2 * SLOTS // 3, SLOTS]
        for number, node in enumerate(nodes):
            slots = (bounds[number], bounds[number + 1] - 1)
            node.execute_command("CLUSTER", "ADDSLOTSRANGE", *slots)
            bus = next(
                line.split()[1]
                for line in (servers[0].folder / "valkey.conf").read_text().splitlines()
                if line.startswith("cluster-port")
            )
            if number:
                node.execute_command("CLUSTER", "MEET", HOST, servers[0].port, bus)
        deadline = time.monotonic() + LIMIT
        while not all(
            node.cluster("INFO")["cluster_state"] == "ok"
            and node.cluster("INFO")["cluster_known_nodes"] == "3"
            for node in nodes
        ):
            assert time.monotonic() < deadline, "the cluster does not form"
            time.sleep(0.05)
    yield servers
    for server in servers:
        server.kill()


@pytest.fixture
def of_cluster(cluster):
    return {"host": HOST, "port": cluster[1].port, "cluster": True}


def use(section):
    """Use a server from now on."""
    config.set_parameter(config.LITHOPS_CONFIG, {"redis": section})


def work(lock, total, shared, ends):
    inbox, outbox, pipe, event = ends
    event.wait()
    while (number := inbox.get()) is not None:
        with lock:
            total.value += number
        shared[number] = shared.get(number, 0) + 1
        inbox.task_done()
    pipe.send(list(shared.keys()))
    outbox.put(pipe.recv())


def exercise():
    """Use every kind of shared object between processes."""
    lock, total, manager = mp.Lock(), mp.Value("i", 0), mp.Manager()
    shared, inbox, outbox, event = manager.dict(), mp.JoinableQueue(), mp.Queue(), mp.Event()
    here, there = mp.Pipe()
    ends = (inbox, outbox, there, event)
    process = mp.Process(target=work, args=(lock, total, shared, ends), daemon=True)
    process.start()
    for number in range(5):
        inbox.put(number)
    event.set()
    inbox.join()
    inbox.put(None)
    assert wait([here, process.sentinel], LIMIT) == [here]
    assert sorted(here.recv()) == list(range(5))
    here.send("done")
    assert outbox.get(timeout=LIMIT) == "done"
    with pytest.raises(queue.Empty):
        outbox.get(timeout=0.01)
    process.join(LIMIT)
    process.close()
    assert total.value == 10
    condition, barrier, semaphore = mp.Condition(), mp.Barrier(1), mp.BoundedSemaphore(2)
    with condition, semaphore:
        assert not condition.wait(0.01)
    assert barrier.wait() == 0
    words, names, array = manager.list(["a"]), manager.Namespace(x=1), mp.Array("d", 3)
    words.append("b")
    names.x += 1
    array[:] = [1.0, 2.0, 3.0]
    assert (list(words), names.x, list(array)) == (["a", "b"], 2, [1.0, 2.0, 3.0])
    with Listener() as listener, Client(listener.address) as client, listener.accept() as end:
        client.send(1)
        assert end.recv() == 1
    assert asyncio.run(awaited(outbox)) == 5


async def awaited(items):
    twin = aio.twin(items)
    try:
        await twin.put(5)
        return await twin.get()
    finally:
        await aio.close()


def test_over_tls(over_tls):
    use(over_tls)
    exercise()


def test_a_certificate_that_is_not_trusted_is_told(over_tls):
    config.set_parameter(config.RECONNECT_TIME, 0.1)
    use({name: value for name, value in over_tls.items() if name != "ssl_ca_certs"})
    with pytest.raises(StateUnavailable, match="certificate"):
        mp.Lock()


def test_with_the_rights_of_a_user(with_few_rights):
    use(with_few_rights)
    exercise()


def test_rights_that_are_missing_are_told(with_few_rights, valkey_with_password):
    with redis.Redis(port=valkey_with_password.port, password="correct-horse") as admin:
        admin.execute_command("ACL", "SETUSER", "reader", "on", ">pw", "~gl:*", "+@read")
    use(with_few_rights | {"username": "reader"})
    with pytest.raises(StateError, match="refuses"):
        mp.Lock()


def test_in_a_cluster(of_cluster):
    use(of_cluster)
    exercise()


def test_programs_are_spread_over_a_cluster(of_cluster, cluster):
    use(of_cluster)
    for _ in range(12):
        mp.Queue().put(1)
        sessions._own = None  # as if it were another program
    counts = []
    for server in cluster:
        with redis.Redis(port=server.port) as node:
            counts.append(node.dbsize())
    assert sum(map(bool, counts)) >= 2


def test_a_server_of_a_cluster_that_comes_back_loses_nothing(of_cluster, cluster):
    config.set_parameter(config.RECONNECT_TIME, LIMIT)
    use(of_cluster)
    items, lock = mp.Queue(), mp.Lock()
    items.put(1)
    lock.acquire()
    for server in cluster:
        server.restart()
        items.put(2)
    lock.release()
    assert [items.get(timeout=LIMIT) for _ in range(4)] == [1, 2, 2, 2]
