"""The switch: `import lithops` gives greenlithops, here and in workers, and only if asked."""

import importlib
import os
import subprocess
import sys

import pytest

from greenlithops.as_lithops.table import ABSENT, ALIASES, TABLE, advice_on
from support import scripts

SWITCH = "import greenlithops.as_lithops\n"

#: what users and the projects that build on Lithops import
PATHS = """
import lithops
import lithops.executors, lithops.future, lithops.wait, lithops.retries, lithops.storage
import lithops.storage.utils, lithops.storage.cloud_proxy, lithops.utils, lithops.config
import lithops.constants, lithops.version, lithops.worker.utils, lithops.concurrent.futures
from lithops import FunctionExecutor, LocalhostExecutor, ServerlessExecutor, StandaloneExecutor
from lithops import RetryingFunctionExecutor, Storage, wait, get_result, __version__
from lithops.executors import FunctionExecutor
from lithops.future import ResponseFuture
from lithops.wait import ALL_COMPLETED, ALWAYS, ANY_COMPLETED, get_result, wait
from lithops.retries import RetryingFunctionExecutor, RetryingFuture
from lithops.storage import Storage
from lithops.storage.storage import Storage
from lithops.storage.utils import CloudObject, StorageNoSuchKeyError
from lithops.storage.cloud_proxy import CloudFileProxy, CloudStorage
from lithops.utils import FuturesList, is_lithops_worker, setup_lithops_logger, iterchunks
from lithops.config import default_config, extract_storage_config, load_config, load_yaml_config
from lithops.constants import LOCALHOST, SERVERLESS, STANDALONE
from lithops.worker.utils import get_memory_usage
from lithops.concurrent.futures import ProcessPoolExecutor, as_completed
from lithops.utils import *
assert callable(lithops.wait), lithops.wait
assert lithops.executors.FunctionExecutor is FunctionExecutor
assert __version__ == lithops.version.__version__ == "3.8.0"
"""


def started(*command):
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=scripts.LIMIT,
        cwd="/",
        check=False,
    )


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, names in TABLE.items() for name in names]
)
def test_every_name_of_the_table_is_there(path, name):
    if path == "storage.cloud_proxy" and name in {"os", "open"}:
        module = importlib.import_module(TABLE[path][name])
        assert name in module.__all__  # made when it is first used, from the configured storage
        return
    assert hasattr(importlib.import_module(TABLE[path][name]), name)


def test_no_name_is_both_there_and_absent():
    present = {f"{path}.{name}".strip(".") for path, names in TABLE.items() for name in names}
    assert not present & ABSENT.keys()
    assert not TABLE.keys() & ABSENT.keys()
    assert not ALIASES.keys() & TABLE.keys()


def test_every_path_resolves_here_and_in_workers(tmp_path):
    program = f"""
    import greenlithops.as_lithops
    PATHS = {PATHS!r}

    def everywhere(_):
        exec(PATHS, {{}})
        import lithops, os
        return lithops.utils.is_lithops_worker(), os.environ["LITHOPS_WORKER"], lithops.__version__

    if __name__ == "__main__":
        exec(PATHS, {{}})
        import lithops
        assert not lithops.utils.is_lithops_worker()
        with lithops.FunctionExecutor(max_workers=2, energy="off") as fexec:
            fexec.map(everywhere, range(2))
            print(set(fexec.get_result()))
    """
    assert scripts.run(tmp_path, program).strip() == "{(True, 'True', '3.8.0')}"


PROGRAM = """
import lithops
import sys

def double(x):
    import lithops
    with lithops.FunctionExecutor(max_workers=1) as inner:
        return inner.call_async(lambda y: y * 2, x).result()

if __name__ == "__main__":
    fexec = lithops.FunctionExecutor(max_workers=1)
    fexec.map(double, [int(a) for a in sys.argv[1:]])
    print(fexec.get_result(), __file__.endswith("program.py"), sys.argv[1:])
"""


@pytest.mark.parametrize(
    "command", [["-m", "greenlithops.as_lithops"], ["-m", "greenlithops", "run"]]
)
def test_programs_run_as_they_are(tmp_path, command):
    (tmp_path / "helper.py").write_text("VALUE = 5\n")
    path = scripts.write(tmp_path, PROGRAM + "\nimport helper\n", "program.py")
    done = started(sys.executable, *command, path, "1", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[2, 4] True ['1', '2']"


def test_the_exit_code_and_the_errors_of_programs_are_their_own(tmp_path):
    path = scripts.write(tmp_path, "raise SystemExit(7)", "leaves.py")
    command = [sys.executable, "-m", "greenlithops.as_lithops"]
    assert started(*command, path).returncode == 7
    path = scripts.write(tmp_path, "raise LookupError('its own')", "fails.py")
    done = started(*command, path)
    assert done.returncode == 1
    assert "LookupError: its own" in done.stderr
    done = started(*command, "/nowhere.py")
    assert done.returncode == 1
    assert "there is no script '/nowhere.py'" in done.stderr
    done = started(*command)
    assert done.returncode == 1
    assert "usage" in done.stderr


def test_names_that_are_absent_say_what_to_use_instead(tmp_path):
    program = """
    import greenlithops.as_lithops
    import lithops

    for text in (
        "import lithops.invokers",
        "from lithops.serverless.backends.aws_lambda import AWSLambdaBackend",
        "from lithops.utils import WrappedStreamingBody",
        "from lithops.storage import InternalStorage",
        "from lithops.utils import iterchunk",
        "lithops.utils.run_command",
    ):
        try:
            exec(text)
        except (ImportError, AttributeError) as error:
            print(type(error).__name__, error)
    print(hasattr(lithops, "nothing"), getattr(lithops.utils, "nothing", 5))
    """
    lines = scripts.run(tmp_path, program).splitlines()
    assert "AsyncExecutor" in lines[0]
    assert "greenlithops.protocols" in lines[1]
    assert "binary file" in lines[2]
    assert "lithops.storage.Storage" in lines[3]
    assert "did you mean 'iterchunks'" in lines[4]
    assert lines[5].startswith("AttributeError")
    assert "subprocess.run" in lines[5]
    assert lines[6] == "False 5"


def test_advice_names_what_is_near():
    assert "did you mean 'ResponseFuture'" in advice_on("future.ResponseFutur")


@pytest.fixture
def real_lithops(tmp_path):
    """A folder with a package called lithops, as an installed one would be."""
    folder = tmp_path / "site"
    (folder / "lithops").mkdir(parents=True)
    (folder / "lithops" / "__init__.py").write_text("__version__ = 'the real one'\n")
    return folder


def test_a_real_lithops_is_not_disturbed_without_the_switch(tmp_path, real_lithops):
    program = f"""
    import sys
    sys.path.insert(0, {str(real_lithops)!r})
    import greenlithops as gl

    def version(_):
        import lithops
        return lithops.__version__

    if __name__ == "__main__":
        import lithops
        with gl.FunctionExecutor(max_workers=1, energy="off") as fexec:
            print(lithops.__version__, fexec.call_async(version, 1).result())
    """
    assert scripts.run(tmp_path, program).strip() == "the real one the real one"


def test_the_switch_wins_over_a_real_lithops(tmp_path, real_lithops):
    program = f"""
    import sys
    sys.path.insert(0, {str(real_lithops)!r})
    import greenlithops.as_lithops
    import lithops
    print(lithops.__version__)
    """
    assert scripts.run(tmp_path, program).strip() == "3.8.0"


def test_the_switch_comes_too_late_after_a_real_lithops(tmp_path, real_lithops):
    program = f"""
    import sys
    sys.path.insert(0, {str(real_lithops)!r})
    import lithops
    import greenlithops.as_lithops
    """
    process = scripts.start(tmp_path, program)
    _, errors = scripts.finish(process)
    assert process.returncode == 1
    assert "lithops was imported before" in errors


def test_pickles_that_name_lithops_resolve(tmp_path):
    program = """
    import greenlithops.as_lithops
    import pickle
    import greenlithops as gl
    assert pickle.loads(b"clithops.future\\nResponseFuture\\n.") is gl.ResponseFuture
    assert pickle.loads(b"clithops.executors\\nFunctionExecutor\\n.") is gl.FunctionExecutor
    import lithops.utils
    assert pickle.loads(pickle.dumps(lithops.utils)) is lithops.utils
    print("fine")
    """
    assert scripts.run(tmp_path, program).strip() == "fine"


CONFIGURED = """
import greenlithops.as_lithops
import lithops, os, sys

def inner_storage(_):
    return lithops.FunctionExecutor().config["lithops"]["storage"], dict(
        lithops.FunctionExecutor().config["localhost"])

if __name__ == "__main__":
    config = {"lithops": {"backend": "localhost", "storage": "memory"},
              "localhost": {"max_workers": 1, "energy": "off"}}
    with lithops.FunctionExecutor(config=config) as fexec:
        print(fexec.call_async(inner_storage, 0).result())
"""


def test_executors_that_calls_make_get_the_configuration(tmp_path):
    expected = "('memory', {'max_workers': 1, 'energy': 'off'})"
    assert scripts.run(tmp_path, CONFIGURED).strip() == expected


def test_configuration_functions(tmp_path):
    (tmp_path / "my.yaml").write_text("localhost: {max_workers: 3}\n")
    program = """
    import greenlithops.as_lithops
    from lithops.config import (default_config, extract_storage_config, load_yaml_config,
        dump_yaml_config, extract_localhost_config, get_log_info, default_storage_config)
    from lithops import FunctionExecutor, Storage
    assert load_yaml_config("nowhere") == {}
    data = load_yaml_config("my.yaml")
    config = default_config(config_data=data, config_overwrite={
        "lithops": {"backend": "localhost", "storage": "localhost"}, "backend": {"version": 2}})
    assert config["localhost"]["max_workers"] == 3
    assert config["lithops"]["mode"] == "localhost"
    assert extract_localhost_config(config)["max_workers"] == 3
    storage = extract_storage_config(config)
    assert storage == {"backend": "localhost", "localhost": {"storage_bucket": "storage"}}
    assert Storage(storage_config=storage).bucket == "storage"
    assert default_storage_config(backend="memory")["lithops"]["storage"] == "memory"
    assert get_log_info()[0] == "info"
    dump_yaml_config("folder/out.yaml", config)
    assert load_yaml_config("folder/out.yaml") == config
    assert FunctionExecutor(config=config).config["localhost"]["max_workers"] == 3
    print("fine")
    """
    assert scripts.run(tmp_path, program).strip() == "fine"


def test_useful_functions(tmp_path):
    program = """
    import greenlithops.as_lithops
    from lithops import utils
    from lithops.worker import utils as worker
    assert list(utils.iterchunks([1, 2, 3], 2)) == [[1, 2], [3]]
    assert [utils.sizeof_fmt(n) for n in (0, 1536, 1 << 30)] == ["0.0B", "1.5KiB", "1.0GiB"]
    assert utils.split_object_url("s3://b/p/q/k") == ("aws_s3", "b", "p/q", "k")
    assert utils.split_object_url("b") == (None, "b", "", "")
    assert utils.split_object_url("cos://b/p/") == ("ibm_cos", "b", "p", "")
    assert utils.split_path("/b/some/key") == ("b", "some/key")
    assert utils.split_path("b") == ("b", None)
    assert utils.b64str_to_dict(utils.dict_to_b64str({"a": 1})) == {"a": 1}
    assert utils.verify_args(lambda x, y=2, id=0: 0, [1, (1, 2), {"x": 1, "y": 3}], None) == [
        {"x": 1}, {"x": 1, "y": 2}, {"x": 1, "y": 3}]
    assert utils.format_data([1, (2,)], (5,)) == [(1, 5), (2, 5)]
    assert utils.format_data([{"x": 1}], {"y": 2}) == [{"x": 1, "y": 2}]
    assert utils.get_mode("aws_lambda") == "serverless"
    assert utils.get_mode("localhost") == "localhost"
    assert utils.get_default_backend("standalone") == "aws_ec2"
    assert utils.create_executor_id() != utils.create_executor_id()
    assert not utils.is_notebook()
    assert worker.get_memory_usage(formatted=False) > 1 << 20
    assert worker.peak_memory() > 1 << 20
    assert worker.free_disk_space("/") > 0
    assert worker.get_server_info()["cores"].isdigit()
    assert ["json", True] in worker.get_runtime_metadata()["preinstalls"]
    print("fine")
    """
    assert scripts.run(tmp_path, program).strip() == "fine"


def test_importing_the_switch_imports_next_to_nothing():
    code = "import sys, greenlithops.as_lithops; print('asyncio' in sys.modules, len(sys.modules))"
    done = started(sys.executable, "-c", code)
    assert done.stdout.split()[0] == "False"
    assert os.environ.get("LITHOPS_WORKER") is None
