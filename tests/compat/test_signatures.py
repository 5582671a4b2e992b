"""Names, order and defaults of parameters, as Lithops 3.8 has them."""

import inspect

import pytest

import greenlithops as gl

MODULES = {"include_modules": [], "exclude_modules": []}
READING = {
    "throw_except": True,
    "timeout": None,
    "threadpool_size": 64,
    "wait_dur_sec": None,
    "show_progressbar": True,
}
REQUIRED = inspect.Parameter.empty

SIGNATURES = {
    "FunctionExecutor": {
        "mode": None,
        "config": None,
        "config_file": None,
        "backend": None,
        "storage": None,
        "monitoring": None,
        "log_level": False,
        "kwargs": REQUIRED,
    },
    "LocalhostExecutor": {
        "config": None,
        "config_file": None,
        "storage": None,
        "monitoring": None,
        "log_level": False,
        "kwargs": REQUIRED,
    },
    "FunctionExecutor.call_async": {
        "func": REQUIRED,
        "data": REQUIRED,
        "extra_env": None,
        "runtime_memory": None,
        "timeout": None,
        **MODULES,
    },
    "FunctionExecutor.map": {
        "map_function": REQUIRED,
        "map_iterdata": REQUIRED,
        "chunksize": None,
        "extra_args": None,
        "extra_env": None,
        "runtime_memory": None,
        "obj_chunk_size": None,
        "obj_chunk_number": None,
        "obj_newline": "\n",
        "timeout": None,
        **MODULES,
    },
    "FunctionExecutor.map_reduce": {
        "map_function": REQUIRED,
        "map_iterdata": REQUIRED,
        "reduce_function": REQUIRED,
        "chunksize": None,
        "extra_args": None,
        "extra_args_reduce": None,
        "extra_env": None,
        "map_runtime_memory": None,
        "reduce_runtime_memory": None,
        "timeout": None,
        "obj_chunk_size": None,
        "obj_chunk_number": None,
        "obj_newline": "\n",
        "obj_reduce_by_key": False,
        "spawn_reducer": 20,
        **MODULES,
    },
    "FunctionExecutor.wait": {
        "fs": None,
        "throw_except": True,
        "return_when": 100,
        "download_results": False,
        "timeout": None,
        "threadpool_size": 64,
        "wait_dur_sec": None,
        "show_progressbar": True,
        "clean_jobs": None,
    },
    "FunctionExecutor.get_result": {"fs": None, **READING},
    "FunctionExecutor.clean": {
        "fs": None,
        "cs": None,
        "clean_cloudobjects": True,
        "clean_fn": False,
        "force": False,
        "on_exit": False,
    },
    "ResponseFuture.status": {
        "throw_except": True,
        "internal_storage": None,
        "check_only": False,
        "wait_dur_sec": 1,
    },
    "ResponseFuture.result": {
        "throw_except": True,
        "internal_storage": None,
        "retries": 10,
        "wait_dur_sec": 1,
    },
    "FuturesList.map": {"map_function": REQUIRED, "sync": False, "kwargs": REQUIRED},
    "FuturesList.map_reduce": {
        "map_function": REQUIRED,
        "reduce_function": REQUIRED,
        "sync": False,
        "kwargs": REQUIRED,
    },
    "FuturesList.wait": {"kwargs": REQUIRED},
    "FuturesList.get_result": {"kwargs": REQUIRED},
    "get_result": {"fs": None, "internal_storage": None, **READING},
    "sync.waits.wait": {
        "fs": REQUIRED,
        "internal_storage": None,
        "job_monitor": None,
        "throw_except": True,
        "return_when": 100,
        "download_results": False,
        "timeout": None,
        "threadpool_size": 64,
        "wait_dur_sec": None,
        "show_progressbar": True,
        "futures_from_executor_wait": False,
    },
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_parameters_are_those_of_lithops(name):
    found = gl
    for part in name.split("."):
        found = getattr(found, part)
    parameters = {
        parameter.name: parameter.default
        for parameter in inspect.signature(found).parameters.values()
        if parameter.name != "self"
    }
    assert list(parameters.items()) == list(SIGNATURES[name].items())


def test_the_constants_are_those_of_lithops():
    assert (gl.ALL_COMPLETED, gl.ANY_COMPLETED, gl.ALWAYS) == (100, -1, 0)
