"""Functions whose parameters ask for connections: what they get, and what is said without one."""

import secrets

import pytest

import greenlithops as gl
from greenlithops.errors import ChannelUnavailable, ConfigurationError, UsageError
from greenlithops.sync.storage_host import close_storages
from support.servers.process import free_ports

BUCKET = f"reserved-{secrets.token_hex(4)}"


@pytest.fixture
def config(seaweedfs, tmp_path):
    yield {
        "lithops": {"storage": "localhost"},
        "localhost": {"root": str(tmp_path / "objects"), "max_workers": 1, "energy": "off"},
        "ibm_cos": {
            "endpoint": seaweedfs.endpoint,
            "region": "us-east",
            "access_key_id": seaweedfs.user,
            "secret_access_key": seaweedfs.secret,
            "storage_bucket": BUCKET,
        },
    }
    close_storages()


def put(x, ibm_cos, y=2):
    ibm_cos.put_object(Bucket=BUCKET, Key=f"key-{x}", Body=str(x * y))
    return ibm_cos.get_object(Bucket=BUCKET, Key=f"key-{x}")["Body"].read()


def everything(a, ibm_cos, *rest, storage, id, named=0):  # noqa: A002 - the name is Lithops'
    return a, rest, id, named, storage.backend, type(ibm_cos).__name__


async def put_async(x, ibm_cos):
    await ibm_cos.put(BUCKET, f"async-{x}", b"%d" % x)
    return await ibm_cos.get(BUCKET, f"async-{x}")


def with_default(x, ibm_cos=None, rabbitmq="none"):
    return x, ibm_cos is not None, rabbitmq


def summed(results, ibm_cos):
    ibm_cos.head_object(Bucket=BUCKET, Key="key-1")
    return b"".join(results)


def test_clients_of_cos(config):
    gl.Storage(config, "ibm_cos").create_bucket(BUCKET)
    with gl.FunctionExecutor(config=config) as fexec:
        assert fexec.map(put, [1, (3,), (4, 5), {"x": 6}]).get_result() == [
            *(b"2", b"6", b"20", b"12"),
        ]
        assert fexec.call_async(everything, (1, 2, 3)).result() == (
            *(1, (2, 3), 0, 0, "localhost", "StorageClient"),
        )
        assert fexec.call_async(put_async, 7).result() == b"7"
        assert fexec.map(with_default, [1]).get_result() == [(1, True, "none")]
        assert fexec.get_result(fexec.map_reduce(put, [1, 2], summed)) == b"24"
        assert fexec.call_async(lambda ibm_cos: ibm_cos, 5).result() == 5  # its only parameter
    storage = gl.Storage(config, "ibm_cos")
    assert sorted(storage.list_keys(BUCKET))[:2] == ["async-7", "key-1"]


def test_hooks_around_calls_that_have_a_client(config, monkeypatch):
    gl.Storage(config, "ibm_cos").create_bucket(BUCKET)
    with gl.FunctionExecutor(config=config) as fexec:
        future = fexec.call_async(put, (2, 8), extra_env={"PRE_RUN": "gc.collect"})
        assert future.result() == b"16"
        assert future.function_name == "put"


@pytest.mark.parametrize("name", ["ibm_cos", "rabbitmq"])
def test_what_is_not_configured_is_said(name):
    space = {}
    exec(f"def work(x, {name}): return x", space)
    exec(f"def fine(x, {name}=1): return {name}", space)
    with gl.FunctionExecutor(config={"localhost": {"max_workers": 1}}) as fexec:
        with pytest.raises(ConfigurationError, match=rf"'{name}', which is filled from '{name}"):
            fexec.map(space["work"], [1])
        with pytest.raises(ConfigurationError, match=name):
            fexec.map_reduce(len, [[1]], space["work"])
        assert fexec.call_async(space["fine"], 1).result() == 1
    with gl.FunctionExecutor(config={"localhost": {}, "rabbitmq": {}}) as fexec:
        assert fexec.call_async(space["fine"], 1).result() == 1


async def consume(x, rabbitmq):
    return x


def publish(x, rabbitmq):
    return x


@pytest.mark.parametrize("function", [consume, publish])
def test_a_broker_that_is_away_is_an_error_of_the_call(function):
    (port,) = free_ports(1)
    config = {
        "localhost": {"max_workers": 1},
        "rabbitmq": {"amqp_url": f"amqp://user:secret-word@127.0.0.1:{port}/"},
    }
    with gl.FunctionExecutor(config=config) as fexec:
        future = fexec.call_async(function, 1)
        with pytest.raises(ChannelUnavailable, match=f"127.0.0.1:{port}") as caught:
            future.result()
    assert "secret-word" not in str(caught.value)


def test_credentials_are_not_kept_in_storage(config):
    with (
        gl.FunctionExecutor(config=config, durable=True) as fexec,
        pytest.raises(UsageError, match="durable"),
    ):
        fexec.map(put, [1])
