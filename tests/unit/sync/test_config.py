import sys

import pytest

from greenlithops.errors import ConfigurationError
from greenlithops.sync.config import settings


def made(mode=None, config=None, config_file=None, backend=None, storage=None, **keywords):
    return settings(mode, config, config_file, backend, storage, None, keywords)


def test_nothing_given_is_this_machine():
    found = made()
    assert dict(found.options) == {}
    assert found.runtime_memory is None
    place = {"mode": "localhost", "backend": "localhost", "storage": "localhost"}
    assert found.config == {"lithops": place, "localhost": {}}


@pytest.mark.parametrize(
    ("keywords", "options"),
    [
        ({"max_workers": 3}, {"max_workers": 3}),
        ({"worker_processes": 4}, {"max_workers": 4}),
        ({"max_workers": 3, "worker_processes": 2}, {"max_workers": 6}),
        ({"runtime_memory": 256}, {"max_memory": 256 << 20}),
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


def test_the_config_is_read_and_keywords_win():
    config = {
        "lithops": {"backend": "localhost", "execution_timeout": 7, "retries": 2},
        "localhost": {"max_workers": 3},
        "aws_lambda": {"whatever": 1},
    }
    found = made(config=config, max_workers=5)
    assert dict(found.options) == {"max_workers": 5, "timeout": 7, "retries": 2}
    assert found.config["localhost"] == {"max_workers": 5}
    assert config["localhost"] == {"max_workers": 3}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"max_worker": 1}, "did you mean 'max_workers'"),
        ({"lithops": {}}, "unknown key 'lithops'"),
        ({"config": {"lithops": {"backnd": "x"}}}, "did you mean 'backend'"),
        ({"config": {"localhost": {"max_workrs": 1}}}, "did you mean 'max_workers'"),
        ({"config": {"lithop": {}}}, "did you mean 'lithops'"),
        ({"config": {"lithops": 3}}, "must be a dictionary"),
        ({"config": 3}, "must be a dictionary"),
        ({"config": {"lithops": {"backend": "aws_lambda"}}}, "backend 'aws_lambda'.*localhost"),
        ({"backend": "k8s"}, "backend 'k8s'.*not available"),
        ({"mode": "serverless"}, "mode 'serverless'.*not available"),
        ({"storage": "aws_s3"}, "storage 'aws_s3'.*not available"),
        ({"config_file": "/x"}, "config_file"),
        ({"runtime": "python:3.12"}, "runtime 'python:3.12'"),
        ({"max_workers": 0}, "max_workers must be a positive number"),
        ({"runtime_memory": "big"}, "runtime_memory must be a positive number"),
    ],
)
def test_what_cannot_be_is_refused_by_name(arguments, text):
    with pytest.raises(ConfigurationError, match=text):
        made(**arguments)


def test_the_log_level_of_the_config_is_found():
    assert made(config={"lithops": {"log_level": "debug"}}).log_level == "debug"
