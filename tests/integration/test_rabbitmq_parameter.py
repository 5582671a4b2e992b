"""Functions with a parameter ``rabbitmq``, and a real broker."""

import pytest
from rabbitmq import start_rabbitmq

import greenlithops as gl
from greenlithops.sync.loop import background

background().call(lambda: None)  # it belongs to the process, not to the test that comes first

# Brokers take long to start on machines that are busy.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def broker(guard, tmp_path_factory):
    server = start_rabbitmq(tmp_path_factory.mktemp("broker") / "rabbitmq", guard)
    yield server
    server.kill()


def publish(x, rabbitmq):
    channel = rabbitmq.channel()
    channel.queue_declare("numbers")
    channel.basic_publish("", "numbers", str(x))
    return rabbitmq.is_open


def take(_, rabbitmq):
    channel = rabbitmq.channel()
    found = []
    while (message := channel.basic_get("numbers", auto_ack=True))[0] is not None:
        found.append(int(message[2]))
    return sorted(found)


async def count(_, rabbitmq):
    channel = await rabbitmq.channel()
    queue = await channel.declare_queue("numbers", passive=True)
    return queue.declaration_result.message_count


def test_connections_of_functions(broker):
    config = {
        "localhost": {"max_workers": 2, "energy": "off"},
        "rabbitmq": {"amqp_url": broker.endpoint},
    }
    with gl.FunctionExecutor(config=config) as fexec:
        assert fexec.map(publish, range(5)).get_result() == [True] * 5
        assert fexec.call_async(count, 0).result() == 5
        assert fexec.call_async(take, 0).result() == list(range(5))
