"""What `import greenlithops` gives, and what it costs."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import greenlithops as gl
from greenlithops.errors import BackendNotFound
from greenlithops.registry import compute_backend

FORBIDDEN = [
    "asyncio",
    "cloudpickle",
    "numpy",
    "psutil",
    "rich",
    "typer",
    "uvloop",
    "pickle",
    "socket",
    "multiprocessing",
    "concurrent.futures",
    "aiobotocore",
    "boto3",
    "aiohttp",
    "redis",
    "kubernetes_asyncio",
    "google.cloud",
    "azure",
]


def fresh(code):
    """Run code in a fresh interpreter; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def test_importing_imports_next_to_nothing():
    code = f"import sys, greenlithops; print(*[n for n in {FORBIDDEN} if n in sys.modules])"
    assert fresh(code) == []
    assert "asyncio" in fresh(code.replace("; print", "; greenlithops.AsyncExecutor; print"))


def test_importing_the_executor_imports_no_backend_and_no_meter():
    code = (
        "import sys, greenlithops; greenlithops.AsyncExecutor; greenlithops.Job;"
        "print(*[n for n in sys.modules if n.startswith('greenlithops')])"
    )
    found = fresh(code)
    assert "greenlithops.executor" in found
    assert [
        name for name in found if ".backends.compute." in name or ".energy.meters" in name
    ] == []
    assert [name for name in found if ".sync" in name or ".cli" in name] == []


def test_a_configuration_of_known_names_asks_no_other_packages():
    code = (
        "import sys, greenlithops; greenlithops.FunctionExecutor();"
        "print(*[n for n in sys.modules if n == 'importlib.metadata'])"
    )
    assert fresh(code) == []


def test_importing_does_no_work():
    """No threads, no files, no environment, no handlers."""
    code = (
        "import sys, os, threading, signal, logging; before = dict(os.environ);"
        "fds = os.listdir('/proc/self/fd'); import greenlithops as gl;"
        "[getattr(gl, name) for name in gl.__all__];"
        "assert threading.active_count() == 1; assert dict(os.environ) == before;"
        "assert len(os.listdir('/proc/self/fd')) == len(fds);"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler;"
        "assert not logging.getLogger('greenlithops').handlers; assert not logging.root.handlers;"
        "print('fine')"
    )
    assert fresh(code) == ["fine"]


@pytest.mark.parametrize("name", [name for name in gl.__all__ if name != "__version__"])
def test_every_public_name_is_there_and_documented(name):
    value = getattr(gl, name)
    assert name in dir(gl)
    if inspect.isclass(value) or callable(value):
        assert inspect.getdoc(value)
    if inspect.isclass(value):
        for attribute, member in vars(value).items():
            documented = callable(member) or isinstance(member, property | classmethod)
            if documented and not attribute.startswith("_"):
                assert inspect.getdoc(getattr(value, attribute)), f"{name}.{attribute}"


def test_unknown_names_are_unknown():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        gl.Nothing  # noqa: B018 - the access is what is tested
    assert gl.__version__ in repr(gl.__version__)


def modules():
    return [info.name for info in pkgutil.walk_packages(gl.__path__, "greenlithops.")]


@pytest.mark.parametrize("name", modules())
def test_every_module_says_why_it_is_there(name):
    module = importlib.import_module(name)
    assert module.__doc__
    assert len(module.__doc__.splitlines()[0]) <= 105


async def test_backends_by_name():
    assert (await compute_backend("localhost")).name == "localhost"
    assert (await compute_backend("inline")).name == "inline"
    with pytest.raises(BackendNotFound, match="did you mean 'localhost'"):
        await compute_backend("localhots")
    with pytest.raises(BackendNotFound, match=r"inline, .*localhost"):
        await compute_backend("zzz")


async def test_an_unknown_backend_is_told_at_the_latest_on_entering():
    with pytest.raises(BackendNotFound):
        async with gl.AsyncExecutor("nowhere"):
            pass
