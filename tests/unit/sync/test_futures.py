import pickle
import threading
import time

import pytest

import greenlithops as gl
from greenlithops.errors import ArgumentsNotSerializable, CallCancelled
from greenlithops.sync.futures import ResponseFuture
from support.clock import BUSY
from support.disasters import hold


def square(x):
    return x * x


def nap(seconds):
    time.sleep(seconds)
    return seconds


def say(text):
    print(text)
    return text


def fail(x):
    raise KeyError(x)


def test_the_states_of_a_call(fexec):
    first = fexec.map(nap, [1, 1])
    queued = fexec.map(nap, [0.01] * 6)[-1]
    assert queued.invoked
    assert not queued.done
    assert not queued.new
    fexec.wait(first, return_when=gl.ANY_COMPLETED)
    future = fexec.call_async(square, 2)
    deadline = time.monotonic() + BUSY
    while not future.ready and time.monotonic() < deadline:
        time.sleep(0.01)
    assert future._state == ResponseFuture.State.Ready == "Ready"
    assert future.result() == 4
    assert future._state == "Done"
    assert future.done
    assert future.success
    assert not future.ready
    assert not future.running
    assert not future.error
    failed = fexec.call_async(fail, "k")
    with pytest.raises(KeyError, match="k"):
        failed.result()
    assert failed._state == "Error"
    assert failed.error
    assert failed.done
    assert failed.success  # as in Lithops: it has ended
    kind, error, _ = failed._exception
    assert kind is KeyError
    assert error.args == ("k",)
    assert failed.result(throw_except=False) is None
    with pytest.raises(KeyError):
        failed.status()
    assert failed.status(throw_except=False)["exception"] is True


def test_a_running_call_can_be_cancelled(fexec):
    future = fexec.call_async(nap, 600)
    deadline = time.monotonic() + BUSY
    while not future.running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert future.cancel()
    assert future.cancelled()
    assert future.done
    assert not future.cancel()
    with pytest.raises(CallCancelled):
        future.result()
    assert fexec.call_async(square, 3).result() == 9


def test_the_status_of_a_call(tmp_path):
    with gl.FunctionExecutor(max_workers=1, energy="model") as fexec:
        future = fexec.call_async(say, "hello")
        slow = fexec.call_async(hold, tmp_path / "go")
        assert slow.status(check_only=True) is None
        status = future.status()
        assert status["type"] == "__end__"
        assert status["call_id"] == "00000"
        assert status["exception"] is False
        assert future.logs == "hello\n" == status["logs"]
        assert future.activation_id == status["activation_id"]
        (tmp_path / "go").touch()
        assert slow.status()["worker_func_exec_time"] > 0


KEYS = {
    "func_data_size_bytes": int,
    "func_module_size_bytes": int,
    "func_result_size": int,
    "host_job_create_tstamp": float,
    "host_job_created_time": float,
    "host_job_serialize_time": float,
    "host_func_upload_time": float,
    "host_data_upload_time": float,
    "host_submit_tstamp": float,
    "host_status_done_tstamp": float,
    "host_status_query_count": int,
    "host_result_done_tstamp": float,
    "host_result_query_count": int,
    "worker_calls": float,
    "worker_cold_start": bool,
    "worker_start_tstamp": float,
    "worker_end_tstamp": float,
    "worker_exec_time": float,
    "worker_func_start_tstamp": float,
    "worker_func_end_tstamp": float,
    "worker_func_exec_time": float,
    "worker_func_cpu_usage": list,
    "worker_func_cpu_user_time": float,
    "worker_func_cpu_system_time": float,
    "worker_func_sent_net_io": float,
    "worker_func_recv_net_io": float,
    "worker_func_rss": int,
    "worker_func_vms": int,
    "worker_func_uss": (int, float),
    "worker_peak_memory_start": int,
    "worker_peak_memory_end": int,
    "worker_result_upload_time": float,
    "worker_func_billed_time": type(None),
    "worker_func_cost_usd": float,
    "worker_func_energy_pkg": float,
    "worker_func_energy_cores": (float, type(None)),
    "worker_func_energy_duration": float,
    "worker_func_energy_method_used": str,
    "worker_func_energy_source": str,
}


def test_the_statistics_of_every_call_are_its_own():
    before = time.time()
    with gl.FunctionExecutor(max_workers=2, energy="model") as fexec:
        futures = fexec.map(nap, [0.02, 0.2])
        assert "worker_func_exec_time" not in futures[1].stats
        fexec.get_result()
        for future in futures:
            stats = future.stats
            assert stats.keys() == KEYS.keys()
            for key, kind in KEYS.items():
                assert isinstance(stats[key], kind), key
            moments = [stats[key] for key in KEYS if key.endswith("_tstamp")]
            assert all(before - 1 < moment < time.time() + 1 for moment in moments)
            assert stats["worker_func_energy_method_used"] == "model"
            assert stats["worker_func_energy_source"] == "estimated"
            assert stats["worker_func_cpu_user_time"] < 1
            assert stats["worker_peak_memory_start"] <= stats["worker_peak_memory_end"]
            assert stats["worker_func_rss"] <= stats["worker_peak_memory_end"]
            assert future.stats is stats
        assert futures[1].stats["worker_func_uss"] < futures[1].stats["worker_func_rss"]
        seconds = [f.stats["worker_func_exec_time"] for f in futures]
        assert seconds[0] >= 0.02
        assert seconds[1] >= 0.2


def test_without_a_meter_there_are_no_energy_keys(fexec):
    future = fexec.call_async(square, 2)
    future.result()
    assert not [key for key in future.stats if "energy" in key]


def test_a_future_can_be_pickled_and_is_then_its_outcome(fexec):
    futures = fexec.map(square, [2, 3])
    copies = pickle.loads(pickle.dumps(futures))
    assert [copy.result() for copy in copies] == [4, 9]
    assert copies.get_result() == [4, 9]
    assert copies[1].call_id == "00001"
    assert copies[0].stats["worker_func_exec_time"] >= 0
    failed = pickle.loads(pickle.dumps(fexec.call_async(fail, "x")))
    assert failed.error
    with pytest.raises(KeyError):
        failed.result()


def test_a_finished_future_can_be_an_argument(fexec, tmp_path):
    future = fexec.call_async(square, 3)
    future.result()
    assert fexec.call_async(lambda f, n: f.result() + n, (future, 1)).result() == 10
    slow = fexec.call_async(hold, tmp_path / "go")
    outer = fexec.call_async(lambda f, n: f.result() + n, (slow, 1))
    with pytest.raises(ArgumentsNotSerializable, match="event loop from within"):
        outer.result()
    (tmp_path / "go").touch()
    assert slow.result() == "go"


def test_results_whose_truth_is_ambiguous_are_not_asked_for_it(fexec):
    class Ambiguous:
        def __bool__(self):
            raise ValueError("ambiguous")

    assert type(fexec.call_async(lambda _: Ambiguous(), 1).result()).__name__ == "Ambiguous"
    assert [type(value).__name__ for value in [fexec.get_result()]] == ["Ambiguous"]


def test_a_list_maps_on(fexec):
    futures = fexec.map(square, [1, 2, 3])
    result = futures.map(square).map(lambda x: x + 1).get_result()
    assert result == [2, 17, 82]
    assert len(futures.alt_list) == 9
    assert futures.wait() == (futures.alt_list, [])
    assert fexec.get_result() == [2, 17, 82]  # what was mapped over has no output of its own


def test_a_call_follows_as_soon_as_its_own_input_is_there(fexec, tmp_path):
    chained = fexec.map(hold, [tmp_path, tmp_path / "go"]).map(len)
    assert chained[0].result() == len(tmp_path.name)
    assert not chained[1].done
    (tmp_path / "go").touch()
    assert chained.get_result() == [len(tmp_path.name), 2]


def test_a_tuple_is_spread_on_the_way(fexec):
    futures = fexec.map(lambda x: (x, x + 1), [1, 2])
    assert futures.map(lambda a, b: a * b).get_result() == [2, 6]


def test_an_error_goes_down_the_chain(fexec):
    chained = fexec.map(fail, [1]).map(square)
    with pytest.raises(KeyError):
        chained.get_result()
    assert chained[0].error


def test_a_chain_can_be_cancelled_before_it_begins(fexec):
    futures = fexec.map(nap, [20])
    last = futures.map(square)[0]
    assert last.invoked
    assert last.cancel()
    assert last.cancelled()
    with pytest.raises(CallCancelled):
        last.result()
    fexec.clean(force=True)


def test_a_block_waits_for_chains():
    with gl.FunctionExecutor(max_workers=1, energy="off") as fexec:
        futures = fexec.map(nap, [0.1]).map(lambda x: x + 1).map(lambda x: x + 1)
    assert futures[0].done
    assert futures.get_result() == [2.1]


def test_map_reduce_and_what_follows(fexec):
    futures = fexec.map_reduce(square, [1, 2, 3], sum)
    assert [f.job_id for f in futures] == ["M000"] * 3 + ["R000"]
    assert fexec.get_result() == 14
    assert fexec.map(square, [1, 2]).map_reduce(square, sum).get_result() == 17
    reduced = fexec.map_reduce(square, [1, 2], lambda xs, k: sum(xs) * k, extra_args_reduce=(10,))
    assert fexec.get_result(reduced) == 50
    for spawn in (gl.ALWAYS, 50, 100):
        assert fexec.get_result(fexec.map_reduce(square, [2], sum, spawn_reducer=spawn)) == 4
    with pytest.raises(KeyError):
        fexec.get_result(fexec.map_reduce(fail, [1], sum, spawn_reducer=gl.ALWAYS))


def test_a_reducer_of_nothing_gets_nothing(fexec):
    assert fexec.get_result(fexec.map_reduce(square, [], sum)) == 0


def test_the_reducer_gets_results_that_are_none(fexec):
    fexec.map_reduce(lambda _: None, [1, 2], len)
    assert fexec.get_result() == 2


def test_a_list_makes_an_executor_if_it_has_none(fexec):
    futures = pickle.loads(pickle.dumps(fexec.map(square, [1, 2])))
    assert futures.executor is None
    assert futures.map(square).get_result() == [1, 16]
    futures.executor.__exit__(None, None, None)


def test_waiting_in_a_thread_for_a_call_of_another(fexec):
    future = fexec.call_async(nap, 0.1)
    seen = []
    threads = [threading.Thread(target=lambda: seen.append(future.result())) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen == [0.1] * 5


def test_representations(fexec):
    future = fexec.call_async(square, 2)
    future.result()
    assert repr(future) == f"<ResponseFuture {fexec.executor_id}-A000-00000 square done>"
