"""What the arguments of FunctionExecutor, and configurations, mean."""

import sys

import pytest

from greenlithops.config import inherited
from greenlithops.config.settings import StorageSettings, worker_memory
from greenlithops.config.show import MASK, masked
from greenlithops.errors import ConfigurationError
from greenlithops.sync.config import settings


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """No configuration on this machine plays a part."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LITHOPS_CONFIG", raising=False)
    monkeypatch.delenv("LITHOPS_CONFIG_FILE", raising=False)


def made(mode=None, config=None, config_file=None, backend=None, storage=None, **keywords):
    return settings(mode, config, config_file, backend, storage, None, keywords)


def test_nothing_given_is_this_machine():
    found = made()
    assert dict(found.options) == {}
    assert found.runtime_memory is None
    assert found.storage == StorageSettings("localhost", None, {})
    place = {"mode": "localhost", "backend": "localhost", "storage": "localhost"}
    assert found.config == {"lithops": place, "localhost": {}}


@pytest.mark.parametrize(
    ("keywords", "options"),
    [
        ({"max_workers": 3}, {"max_workers": 3}),
        ({"worker_processes": 4}, {"max_workers": 4}),
        ({"max_workers": 3, "worker_processes": 2}, {"max_workers": 6}),
        ({"runtime_memory": 256}, {"max_memory": worker_memory(256)}),
        ({"runtime_memory": 256, "max_memory": "1 GiB"}, {"max_memory": "1 GiB"}),
        ({"runtime_timeout": 9}, {"timeout": 9}),
        ({"timeout": 5, "runtime_timeout": 9}, {"timeout": 5}),
        ({"energy": "off"}, {"energy": "off"}),
        ({"max_workers": None, "runtime": None}, {}),
        ({"runtime": sys.executable}, {}),
        ({"version": 2, "use_gpu": False, "remote_invoker": True}, {}),
    ],
)
def test_keywords_become_options(keywords, options):
    assert dict(made(**keywords).options) == options


def test_what_libraries_reserve_for_cpus_is_not_the_callers(monkeypatch):
    for cpus, more in ((None, 96), (1, 96), (2, 192), (64, 512)):
        monkeypatch.setattr("os.cpu_count", lambda cpus=cpus: cpus)
        assert worker_memory(256) == (256 + more) << 20


def test_the_config_is_read_and_keywords_win():
    config = {
        "lithops": {"backend": "localhost", "execution_timeout": 7, "retries": 2},
        "localhost": {"max_workers": 3},
        "aws_lambda": {"execution_role": "arn:x", "region": "eu-west-1"},
    }
    found = made(config=config, max_workers=5)
    assert dict(found.options) == {"max_workers": 5, "timeout": 7, "retries": 2}
    assert found.config["localhost"] == {"max_workers": 5}
    assert config["localhost"] == {"max_workers": 3}


def test_programs_keep_sections_of_their_own():
    own = {"cache": ["bucket", "prefix"], "depth": 3}
    found = made(config={"lithops": {"mode": "localhost"}, "sm_storage": own})
    assert found.config["sm_storage"] == own
    assert found.backend == "localhost"


LAMBDA = {"aws_lambda": {"execution_role": "arn:x", "region": "eu-west-1"}}
MINIO = {"endpoint": "http://127.0.0.1:1", "access_key_id": "a", "secret_access_key": "b"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"max_worker": 1}, "did you mean 'max_workers'"),
        ({"lithops": {}}, "unknown key 'lithops'"),
        ({"config": {"lithops": {"backnd": "x"}}}, "lithops.backnd.*did you mean 'backend'"),
        ({"config": {"localhost": {"max_workrs": 1}}}, "did you mean 'max_workers'"),
        ({"config": {"lithop": {}}}, "did you mean 'lithops'"),
        ({"config": {"aws_lambda": {"execution_rol": ""}}}, "did you mean 'execution_role'"),
        ({"config": {"lithops": 3}}, "must be a mapping"),
        ({"config": 3}, "must be a mapping"),
        ({"config": {"lithops": {"backend": "aws_batch"}}}, "backend 'aws_batch'.*localhost"),
        ({"backend": "aws_batch"}, "backend 'aws_batch'.*not available"),
        ({"backend": "k9s"}, "did you mean 'k8s'"),
        ({"backend": "ibm_cf"}, "IBM has shut the service down"),
        ({"mode": "server"}, "did you mean 'serverless'"),
        ({"mode": "serverless", "backend": "localhost"}, "'localhost' is localhost, not serv"),
        ({"storage": "aws_s4"}, "did you mean 'aws_s3'"),
        ({"storage": "minio"}, "minio: 'endpoint' is missing"),
        ({"runtime": "python:3.12"}, "runtime 'python:3.12'"),
        ({"max_workers": 0}, "max_workers must be at least 1, not 0"),
        ({"max_workers": True}, "max_workers must be a whole number"),
        ({"runtime_memory": "big"}, "runtime_memory must be a whole number"),
        ({"config": {"lithops": {"customized_runtime": "x"}}}, "customized_runtime is not poss"),
        ({"config": {"lithops": {"mode": "batch"}}}, "mode must be one of|unknown mode"),
    ],
)
def test_what_cannot_be_is_refused_by_name(arguments, text):
    with pytest.raises(ConfigurationError, match=text):
        made(**arguments)


def test_lambda_is_chosen_as_lithops_would():
    found = made(
        config={"lithops": {"retries": 2}, "aws": {"access_key_id": "a"}, **LAMBDA},
        max_workers=50,
        runtime_memory=512,
        worker_processes=2,
        docker_user="nobody",
    )
    assert (found.backend, found.mode) == ("aws_lambda", "serverless")
    assert found.runtime_memory == 512
    assert dict(found.options) == {
        "max_workers": 50,
        "retries": 2,
        "backend_options": {
            "access_key_id": "a",
            "execution_role": "arn:x",
            "region": "eu-west-1",
            "max_workers": 50,
            "runtime_memory": 512,
            "worker_processes": 2,
        },
    }


def test_a_secret_of_the_wrong_type_is_not_shown():
    with pytest.raises(ConfigurationError) as caught:
        made(config={"minio": {**MINIO, "secret_access_key": 12345}})
    assert "12345" not in str(caught.value)


def test_the_keys_of_a_cloud_stand_under_those_of_its_backends():
    config = {
        "lithops": {"backend": "localhost", "storage": "aws_s3"},
        "aws": {"region": "eu-west-1", "access_key_id": "cloud", "execution_role": "arn:x"},
        "aws_s3": {"access_key_id": "own", "storage_bucket": "b"},
    }
    found = made(config=config)
    assert found.storage.backend == "aws_s3"
    assert found.storage.bucket == "b"
    assert dict(found.storage.options) == {"region": "eu-west-1", "access_key_id": "own"}
    assert "own" not in repr(found)


def test_former_names_of_keys_are_understood():
    config = {"lithops": {"storage": "aws_s3"}, "aws_s3": {"region_name": "eu-west-1"}}
    assert dict(made(config=config).storage.options) == {"region": "eu-west-1"}


@pytest.mark.parametrize(
    ("cloud", "own", "region"),
    [
        ({}, {"region": "r", "region_name": "n"}, "n"),  # both in one section: as in Lithops
        ({"region": "r", "region_name": "n"}, {}, "n"),
        ({"region": "c"}, {"region_name": "n"}, "n"),  # the backend's own, whatever its name
        ({"region_name": "c"}, {"region": "r"}, "r"),
        ({"region_name": "c"}, {"region": None}, "c"),
        ({"region_name": "c"}, {}, "c"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value) or "none",
)
def test_which_region_wins(cloud, own, region):
    keys = {"access_key_id": "a", "secret_access_key": "b"}
    config = {"lithops": {"storage": "aws_s3"}, "aws": cloud, "aws_s3": keys | own}
    assert made(config=config).storage.options["region"] == region
    function = {"execution_role": "arn:aws:iam::123456789012:role/x", **own}
    config = {"lithops": {"backend": "aws_lambda"}, "aws": keys | cloud, "aws_lambda": function}
    found = made(config=config)
    assert found.options["backend_options"]["region"] == region
    assert found.config["aws_lambda"]["region"] == region


def test_sections_of_storages_that_take_anything():
    config = {"redis": {"host": "h", "socket_timeout": 3}}
    assert made(config=config, storage="redis").storage.options == {
        "host": "h",
        "socket_timeout": 3,
    }


@pytest.mark.parametrize(
    ("modules", "expected"), [([], ()), (["a", "b"], ("a", "b")), (None, None), ("none", None)]
)
def test_which_modules_travel(modules, expected):
    assert made(config={"lithops": {"include_modules": modules}}).include_modules == expected


def test_the_log_settings_of_the_config_are_found():
    log = made(config={"lithops": {"log_level": "debug", "log_filename": "x"}}).log
    assert (log.level, log.filename, log.format) == ("debug", "x", None)
    assert made().log.level == ""
    assert made(config={"lithops": {"log_level": None}}).log.level is None


# Where a configuration comes from.


def write(path, workers):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"localhost:\n  max_workers: {workers}\n")


def workers_found(**arguments):
    return made(**arguments).options.get("max_workers")


def test_the_order_in_which_it_is_looked_for(tmp_path, monkeypatch):
    write(tmp_path / ".lithops" / "config", 1)
    assert workers_found() == 1
    write(tmp_path / ".lithops_config", 2)
    assert workers_found() == 2
    assert made().origin == str(tmp_path / ".lithops_config")
    write(tmp_path / "named", 3)
    monkeypatch.setenv("LITHOPS_CONFIG_FILE", str(tmp_path / "named"))
    assert workers_found() == 3
    monkeypatch.setenv("LITHOPS_CONFIG", '{"localhost": {"max_workers": 4}}')
    assert workers_found() == 4
    monkeypatch.setattr(inherited, "sections", {"localhost": {"max_workers": 5}})
    assert workers_found() == 5
    write(tmp_path / "argument", 6)
    assert workers_found(config_file=str(tmp_path / "argument")) == 6
    assert workers_found(config={"localhost": {"max_workers": 7}}) == 7
    assert workers_found(max_workers=8) == 8


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="config_file: there is no file"):
        made(config_file=str(tmp_path / "missing"))
    (tmp_path / "broken").write_text("lithops: [")
    with pytest.raises(ConfigurationError, match="not valid YAML"):
        made(config_file=str(tmp_path / "broken"))
    (tmp_path / "empty").write_text("")
    assert made(config_file=str(tmp_path / "empty")).backend == "localhost"
    monkeypatch.setenv("LITHOPS_CONFIG", "{")
    with pytest.raises(ConfigurationError, match="LITHOPS_CONFIG must be JSON"):
        made()


# Backends of greenlithops' own.


def test_the_keys_of_an_own_backend_are_its_options():
    config = {
        "lithops": {"backend": "http", "chunksize": 4},
        "http": {"endpoint": "http://127.0.0.1:1", "max_workers": 7},
    }
    found = made(config=config, key="hush", timeout=3)
    assert found.backend == "http"
    assert found.mode == "serverless"
    assert dict(found.options) == {
        "max_workers": 7,
        "timeout": 3,
        "chunksize": 4,
        "backend_options": {"endpoint": "http://127.0.0.1:1", "key": "hush"},
    }
    assert masked(found.config)["http"]["key"] == MASK


def test_the_inline_backend_is_told_as_this_machine():
    assert made(backend="inline", max_workers=2).backend == "inline"
    with pytest.raises(ConfigurationError, match="unknown key 'endpoint'"):
        made(backend="inline", endpoint="x")


def test_a_storage_is_no_compute_backend():
    with pytest.raises(ConfigurationError, match=r"lithops\.backend: unknown backend 'minio'"):
        made(backend="minio")
    with pytest.raises(ConfigurationError, match=r"lithops\.storage: unknown storage 'k8s'"):
        made(storage="k8s")
