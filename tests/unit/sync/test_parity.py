"""The two faces agree on names, parameters and defaults, where they mean the same."""

import concurrent.futures
import inspect

import pytest

import greenlithops as gl
from greenlithops import waiting
from greenlithops.config.known import SECTIONS
from greenlithops.config.settings import OWN_KEYS
from greenlithops.sync import waits

FACES = [
    # method, of the asynchronous face, of the synchronous one, renamed parameters
    ("map", gl.AsyncExecutor.map, gl.FunctionExecutor.map, {}),
    ("map_reduce", gl.AsyncExecutor.map_reduce, gl.FunctionExecutor.map_reduce, {}),
]
RENAMED = {"function": "map_function", "iterdata": "map_iterdata"}
ONLY_ASYNC = {
    "durable",
    "retries",  # of the whole executor, as Lithops' configuration has it
    "live_logs",
    "modules",  # include_modules and exclude_modules there
    "energy_budget",  # of the whole executor
    "buffer",  # the synchronous face takes lists
}


def parameters(function):
    return {p.name: p for p in inspect.signature(function).parameters.values()}


@pytest.mark.parametrize(("name", "asynchronous", "synchronous", "renamed"), FACES)
def test_methods_take_the_same(name, asynchronous, synchronous, renamed):
    theirs = parameters(synchronous)
    for own, parameter in parameters(asynchronous).items():
        if own in ONLY_ASYNC:
            assert own not in theirs, f"{own} is in both faces of {name} now"
            continue
        twin = theirs[RENAMED.get(own, own)]
        assert twin.default == parameter.default, f"{name}({own})"


def test_the_options_of_the_executor_are_taken_by_the_other_face():
    told_otherwise = {"backend", "backend_options", "chunksize", "monitoring", "storage"}
    options = set(parameters(gl.AsyncExecutor)) - told_otherwise
    assert options == OWN_KEYS | {"max_workers"}
    assert OWN_KEYS | {"max_workers"} <= set(SECTIONS["localhost"].keys)


def test_waiting_has_the_same_two_results():
    for name in ("fs", "timeout"):
        own, twin = parameters(waiting.wait)[name], parameters(waits.wait)[name]
        assert own.default == twin.default


@pytest.mark.parametrize("name", ["submit", "map", "shutdown"])
def test_the_pool_takes_what_the_standard_library_takes(name):
    standard = parameters(getattr(concurrent.futures.ProcessPoolExecutor, name))
    own = parameters(getattr(gl.PoolExecutor, name))
    for parameter in standard.values():
        if parameter.name == "self":
            continue
        assert own[parameter.name].kind == parameter.kind
        assert own[parameter.name].default == parameter.default


def test_the_future_has_what_the_other_one_has():
    shared = {"result", "cancel", "cancelled", "done", "stats", "logs"}
    for name in shared:
        assert hasattr(gl.ResponseFuture, name)
        assert hasattr(gl.Future, name)
