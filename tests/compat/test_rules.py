"""How elements become arguments and results become what `get_result` returns."""

import functools
import signal
import threading
import time

import pytest

import greenlithops as gl
from greenlithops.errors import ConfigurationError, UsageError
from support.clock import BUSY
from support.disasters import hold


def add(x, y=10):
    return x + y


def nap(seconds):
    time.sleep(seconds)
    return seconds


def echo(x):
    return x


def everything(*args, **kwargs):
    return args, dict(sorted(kwargs.items()))


def numbered(x, id):  # noqa: A002 - the name is Lithops'
    return x, id


def only_named(x, *, y):
    return x, y


ELEMENTS = [
    # function, iterdata, results of get_result
    (echo, [1, 2], [1, 2]),
    (echo, range(3), [0, 1, 2]),
    (echo, {5}, [5]),
    (echo, [[1, 2], [3]], [[1, 2], [3]]),  # a list is one argument
    (add, [(1, 2), (3,)], [3, 13]),  # a tuple is spread
    (add, [{"x": 1, "y": 2}], [3]),  # a dictionary names parameters
    (add, [{"x": 1}], [11]),
    (add, (1, 2), [3]),  # what is no list, range or set is one element
    (echo, "word", ["word"]),
    (add, {"x": 1, "y": 1}, [2]),
    (echo, 7, [7]),
    (echo, b"12", [b"12"]),
    (everything, [(1, 2), {"a": 1}, 3], [((1, 2), {}), ((), {"a": 1}), ((3,), {})]),
    (everything, [{"args": (1, 2), "kwargs": {"b": 2}}], [((1, 2), {"b": 2})]),
    (numbered, ["a", "b"], [("a", 0), ("b", 1)]),
    (only_named, [{"x": 1, "y": 2}], [(1, 2)]),
    (functools.partial(add, y=1), [1, 2], [2, 3]),
    (lambda x: x, [1], [1]),
    (echo, [], []),
]


@pytest.mark.parametrize(("function", "iterdata", "expected"), ELEMENTS)
def test_elements_become_arguments(fexec, function, iterdata, expected):
    fexec.map(function, iterdata)
    assert fexec.get_result() == expected


MISFITS = [
    (add, [(1, 2, 3)]),
    (add, [{"z": 1}]),
    (add, [{"y": 1}]),
    (add, [{1: 2}]),
    (echo, [()]),
    (only_named, [1]),
    (lambda: 1, [1]),
]


@pytest.mark.parametrize(("function", "iterdata"), MISFITS)
def test_elements_that_do_not_fit_are_refused_before_anything_runs(fexec, function, iterdata):
    with pytest.raises(ValueError, match="cannot take"):
        fexec.map(function, iterdata)
    assert fexec.futures == []


DATA = [
    (echo, [1, 2], [1, 2]),
    (add, (1, 2), 3),
    (add, {"x": 1, "y": 2}, 3),
    (echo, "word", "word"),
    (echo, range(2), range(2)),
]


@pytest.mark.parametrize(("function", "data", "expected"), DATA)
def test_the_data_of_a_single_call(fexec, function, data, expected):
    fexec.call_async(function, data)
    assert fexec.get_result() == expected


EXTRA = [
    ([1, 2], (5,), [6, 7]),
    ([(1,), (2,)], (5,), [6, 7]),
    ([1], [5], [6]),
    ([{"x": 1}, {"x": 2, "y": 3}], {"y": 5}, [6, 7]),
    ([1], (), [11]),
]


@pytest.mark.parametrize(("iterdata", "extra", "expected"), EXTRA)
def test_extra_arguments_are_added_to_every_element(fexec, iterdata, extra, expected):
    fexec.map(add, iterdata, extra_args=extra)
    assert fexec.get_result() == expected


@pytest.mark.parametrize(
    ("iterdata", "extra"), [([(1,)], {"y": 1}), ([{"x": 1}], (1,)), ([1], 7), ([1], "ab")]
)
def test_extra_arguments_of_the_wrong_kind_are_refused(fexec, iterdata, extra):
    with pytest.raises(ValueError, match="extra_args"):
        fexec.map(add, iterdata, extra_args=extra)


def test_the_callers_data_stays_as_it_was(fexec):
    data = [{"x": 1}, {"x": 2}]
    futures = fexec.map(add, data, extra_args={"y": 1})
    data.clear()
    assert fexec.get_result(futures) == [2, 3]
    data = [{"x": 1}]
    fexec.map(add, data, extra_args={"y": 1})
    fexec.get_result()
    assert data == [{"x": 1}]


def test_the_data_of_one_call_can_be_used_for_the_next(fexec):
    settings, numbers = {}, [0]
    for n in range(20):
        settings["x"] = numbers[0] = n
        fexec.call_async(add, settings)
        fexec.call_async(sum, numbers)
    assert fexec.get_result() == [m for n in range(20) for m in (n + 10, n)]


def test_an_object_whose_property_raises_is_not_touched(fexec):
    class Mined:
        result = 5

        @property
        def mine(self):
            raise RuntimeError("touched")

    fexec.call_async(lambda x: x.result, Mined())
    assert fexec.get_result() == 5


# A single result is bare unless the last call was map.


def test_one_result_is_bare_unless_the_last_call_was_map(fexec):
    single = fexec.call_async(echo, 1)
    assert fexec.get_result() == 1
    mapped = fexec.map(echo, [2])
    assert fexec.get_result() == [2]
    assert fexec.get_result(single) == [1]  # the rule looks at the last call, not at the futures
    fexec.call_async(echo, 3)
    assert fexec.get_result(mapped) == 2
    assert fexec.get_result() == 3
    fexec.map_reduce(echo, [4, 5], sum)
    assert fexec.get_result() == 9


def test_results_are_given_once_unless_asked_for(fexec):
    first = fexec.map(echo, [1, 2])
    fexec.map(echo, [3])
    assert fexec.get_result() == [1, 2, 3]
    assert fexec.get_result() == []
    fexec.map(echo, [4])
    assert fexec.get_result() == [4]
    assert fexec.get_result(first) == [1, 2]
    assert fexec.get_result(first) == [1, 2]
    assert first.get_result() == [1, 2]


def test_a_result_that_is_none_is_left_out(fexec):
    futures = fexec.map(lambda x: x or None, [1, 0, 2])
    assert fexec.get_result() == [1, 2]
    assert [future.result() for future in futures] == [1, None, 2]
    fexec.call_async(echo, None)
    assert fexec.get_result() == []


# Functions that return futures.


def returns_list(n):
    return gl.FunctionExecutor(max_workers=1, energy="off").map(echo, range(n))


def returns_one(n):
    return gl.FunctionExecutor(max_workers=1, energy="off").call_async(echo, n)


def returns_two_lists(n):
    fexec = gl.FunctionExecutor(max_workers=1, energy="off")
    return fexec.map(echo, range(n)) + fexec.map(echo, range(n))


def returns_failing(n):
    def fail(x):
        raise KeyError(x)

    return gl.FunctionExecutor(max_workers=1, energy="off").map(fail, range(n))


@pytest.mark.parametrize(
    ("function", "expected"),
    [(returns_list, [0, 1, 2]), (returns_one, 3), (returns_two_lists, [0, 1, 2, 0, 1, 2])],
)
def test_futures_that_a_call_returns_are_replaced_by_their_results(fexec, function, expected):
    future = fexec.call_async(function, 3)
    fexec.wait()
    assert fexec.get_result() == expected
    assert future.futures


def test_the_results_of_returned_futures_follow_one_another(fexec):
    fexec.map(returns_list, [1, 2])
    assert fexec.get_result() == [0, 0, 1]


def test_the_error_of_a_returned_future_is_raised(fexec):
    fexec.call_async(returns_failing, 1)
    with pytest.raises(KeyError):
        fexec.get_result()


# What went wrong in Lithops.


def test_a_second_job_ends_after_the_first_was_waited_for(fexec):
    first = fexec.map(nap, [0.02] * 4)
    second = fexec.map(echo, range(20))
    fexec.wait(first)
    assert fexec.get_result(second, timeout=2 * BUSY) == list(range(20))


def test_a_wait_with_a_timeout_works_in_a_thread_and_says_how_long(fexec, tmp_path):
    def ring(*_):
        raise AssertionError("no signal is sent")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        errors = []

        def wait():
            try:
                fexec.wait(fexec.call_async(hold, tmp_path / "go"), timeout=0.1)
            except TimeoutError as error:
                errors.append(str(error))

        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(BUSY)
        (tmp_path / "go").touch()
        assert errors == [
            "Timeout of 0.1 seconds exceeded waiting for function activations to finish"
        ]
        assert signal.getsignal(signal.SIGALRM) is ring
    finally:
        signal.signal(signal.SIGALRM, before)


def test_the_name_of_the_function_and_the_order_of_the_futures(fexec):
    futures = fexec.map(add, range(100))
    assert {future.function_name for future in futures} == {"add"}
    assert [future.call_id for future in futures] == [f"{n:05d}" for n in range(100)]
    assert [future.result() for future in futures] == [n + 10 for n in range(100)]


def test_a_generator_says_what_it_is_and_what_to_do(fexec):
    with pytest.raises(UsageError, match=r"wrap it in list\(\)"):
        fexec.map(add, (number for number in range(3)))


def test_a_name_that_is_like_no_other_gets_no_suggestion():
    with pytest.raises(ConfigurationError, match=r"unknown key 'foo'; there are"):
        gl.FunctionExecutor(foo=1)
