"""What else Lithops' face has: kinds of executors, modules, functions around calls, storage."""

import pickle
import subprocess
import sys

import pytest

import greenlithops as gl
from greenlithops.errors import ConfigurationError, UsageError
from support import scripts


def echo(x):
    return x


# Executors by mode.


@pytest.mark.parametrize("kind", [gl.ServerlessExecutor, gl.StandaloneExecutor])
def test_executors_of_clouds_say_what_is_not_there(kind):
    other = {gl.ServerlessExecutor: "aws_batch", gl.StandaloneExecutor: "aws_ec2"}[kind]
    with pytest.raises(ConfigurationError, match="is not available in this version"):
        kind(backend=other)
    with pytest.raises(ConfigurationError, match="'localhost' is localhost, not"):
        kind(backend="localhost")


# Which modules travel.


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "travelling.py").write_text(
        "import os\nPID = os.getpid()\ndef where():\n    return PID\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield __import__("travelling")
    del sys.modules["travelling"]


@pytest.mark.parametrize(
    ("how", "travels"),
    [
        ({}, True),
        ({"include_modules": ["travelling"]}, True),
        ({"include_modules": None}, False),
        ({"exclude_modules": ["travelling"]}, False),
        ({"include_modules": ["json"]}, False),
        ({"include_modules": ["travelling"], "exclude_modules": ["travelling"]}, True),
    ],
)
def test_modules_travel_by_value_as_they_are_chosen(fexec, module, how, travels):
    # By value, the module keeps the state that it has here; imported, it gets the worker's.
    pids = fexec.map(lambda _: module.where(), [0, 1], **how).get_result()
    assert (set(pids) == {module.PID}) is travels
    assert (fexec.call_async(module.where, (), **how).result() == module.PID) is travels


def test_the_configuration_chooses_modules_too(module):
    config = {"lithops": {"exclude_modules": ["travelling"]}}
    with gl.FunctionExecutor(config=config, max_workers=1, energy="off") as fexec:
        assert fexec.call_async(module.where, ()).result() != module.PID


def test_files_can_be_included(fexec, tmp_path):
    (tmp_path / "somewhere_else.py").write_text("VALUE = 41\n")

    def use(x):
        import somewhere_else  # noqa: PLC0415 - only workers can

        return somewhere_else.VALUE + x

    path = str(tmp_path / "somewhere_else.py")
    assert fexec.map(use, [1], include_modules=[path]).get_result() == [42]


@pytest.mark.parametrize("name", ["no_such_module", "no_such.package", "/no/such/file.py"])
def test_modules_that_are_not_there_are_told(fexec, name):
    with pytest.raises(UsageError, match="include_modules: there is no"):
        fexec.map(echo, [1], include_modules=[name])


# Functions around calls, chunks.


def test_functions_run_around_calls(tmp_path):
    write = 'def {0}():\n    with open("order", "a") as file: file.write("{0} ")\n'
    (tmp_path / "around.py").write_text(write.format("before") + write.format("after"))
    program = """
    import os, greenlithops as gl

    def call(x):
        with open("order", "a") as file: file.write("call ")
        return x

    async def acall(x):
        return call(x)

    if __name__ == "__main__":
        env = {"PRE_RUN": "around.before", "POST_RUN": "around.after"}
        with gl.FunctionExecutor(max_workers=1, energy="off") as fexec:
            fexec.map(call, [1], extra_env=env).get_result()
            os.environ.update(env)
            fexec.call_async(acall, 2).result()
            print(open("order").read())
            os.environ["PRE_RUN"] = "around.nothing"
            try:
                fexec.call_async(call, 3).result()
            except ValueError as error:
                print(error)
    """
    first, second = scripts.run(tmp_path, program).splitlines()
    assert first.split() == ["before", "call", "after"] * 2
    assert "PRE_RUN names 'around.nothing'" in second


def test_a_chunk_is_a_number(fexec):
    assert fexec.map(echo, [1, 2], chunksize=2).get_result() == [1, 2]
    with pytest.raises(UsageError, match="chunksize"):
        fexec.map(echo, [1], chunksize=0)


# The storage of an executor.


def test_clean_deletes_cloud_objects(tmp_path):
    with gl.FunctionExecutor(max_workers=1, energy="off", root=str(tmp_path)) as fexec:
        objects = [fexec.storage.put_cloudobject(b"content") for _ in range(2)]
        assert fexec.storage.get_cloudobject(objects[0]) == b"content"
        future = fexec.call_async(echo, 1)
        fexec.clean(cs=objects)
        assert fexec.futures == [future]
        with pytest.raises(FileNotFoundError):
            fexec.storage.get_cloudobject(objects[0])


# Futures in other processes.


def test_futures_are_read_in_another_process(fexec, tmp_path):
    futures = fexec.map(echo, [1, 2, 3])
    (tmp_path / "futures").write_bytes(pickle.dumps(futures))
    program = f"""
    import pickle, greenlithops as gl
    futures = pickle.load(open({str(tmp_path / "futures")!r}, "rb"))
    print(gl.get_result(futures), [f.done for f in futures])
    print(futures[0].stats["worker_exec_time"] >= 0)
    """
    assert scripts.run(tmp_path, program).split("\n")[:2] == [
        "[1, 2, 3] [True, True, True]",
        "True",
    ]


# concurrent.futures.


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "greenlithops", "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=scripts.LIMIT,
    )
    assert done.stdout.strip() == f"greenlithops {gl.__version__}"
