"""Every test: nothing blocks the loop, nothing goes unnoticed, nothing is left behind."""

import asyncio
import inspect
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import settings

import greenlithops as gl
from support import leaks

pytest_plugins = ["support.servers.fixtures"]
# So that a contract that does not hold says what was found.
pytest.register_assert_rewrite("greenlithops.testing")

settings.register_profile("here", deadline=None, max_examples=60)
settings.load_profile("here")

# What may be called on the event loop although it is a system call, and why.
_IMPORTS = ("<frozen importlib._bootstrap>", {"_find_and_load", "_find_and_load_unlocked"})
_OWN_MODULES = ("/greenlithops/dispatch/modules.py", {"_installed_roots", "_is_installed"})
ALLOWED = {
    # Starting a process: a few milliseconds once per worker, and what the standard library's
    # own subprocess support for asyncio does on the loop as well. Reading the pipe tells
    # whether exec succeeded; it ends with exec.
    "os.read": [("/subprocess.py", {"_execute_child"})],
    # Importing a module when it is first used; finding out once per module, from its path,
    # whether it is the user's own.
    "os.stat": [("/subprocess.py", {"_execute_child"}), _IMPORTS, _OWN_MODULES],
    "os.readlink": [_IMPORTS, _OWN_MODULES],
    "os.path.abspath": [_IMPORTS, _OWN_MODULES],
    # What is asked of /proc and of control groups, which the kernel holds in memory: once for each
    # worker, and when one is killed.
    "os.mkdir": [("/energy/cpu_time/cgroup.py", {"__init__"})],
    "os.write": [("/energy/cpu_time/cgroup.py", {"_write"})],
    "os.rmdir": [("/energy/cpu_time/cgroup.py", {"_removed"})],
    "os.scandir": [("/energy/cpu_time/processes.py", {"session_members"})],
    # Joins the hooks' thread after the last thing that it does: saying that it ends.
    # And keeps other threads away from a dictionary for some microseconds.
    "threading.Lock.acquire": [
        ("/greenlithops/hooks.py", {"close"}),
        ("/backends/storage/memory.py", {"_put", "list_page", "delete", "delete_bucket"}),
    ],
}
# Loops of their own in threads of their own, in which botocore and kubernetes-asyncio may read
# their files.
OWN_LOOPS = [
    ("/backends/storage/s3/account.py", {"_loaded", "_in_own_loop"}),
    ("/backends/compute/kubernetes/api.py", {"_configured"}),
]
# Asks the kernel for what it holds in memory: no disk, no network, a microsecond.
HARMLESS = ("os.getcwd",)

# Drives the energy sampler by hand, with a blockbuster of its own and tasks that end with the loop.
OWN_CHECKS = Path(__file__).parent / "unit" / "energy"


def pytest_configure(config):
    leaks.mark_processes()
    # Who starts the tests in the background, or by nohup, has them ignore signals, and the programs
    # that they start inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    folder = tempfile.mkdtemp(prefix="greenlithops-tests-")
    os.environ["TMPDIR"] = folder
    tempfile.tempdir = None
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    if OWN_CHECKS not in item.path.parents:
        item.stash[_SNAPSHOT] = leaks.Snapshot()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    result = yield
    if snapshot := item.stash.get(_SNAPSHOT, None):
        left = snapshot.settled()
        assert not left, f"the test left something behind: {left}"
    return result


_SNAPSHOT = pytest.StashKey[leaks.Snapshot]()


@pytest.fixture(autouse=True)
def nothing_left(request):
    """Hold every test to what this file is for."""
    if OWN_CHECKS not in request.path.parents:
        request.getfixturevalue("nothing_blocks")
        if inspect.iscoroutinefunction(request.function):
            request.getfixturevalue("loop_errors")


@pytest.fixture
def nothing_blocks():
    """Make blocking calls of greenlithops on an event loop errors."""
    with blockbuster_ctx("greenlithops") as blockbuster:
        for name, places in ALLOWED.items():
            for file, functions in places:
                blockbuster.functions[name].can_block_in(file, functions)
        for function in blockbuster.functions.values():
            for file, functions in OWN_LOOPS:
                function.can_block_in(file, functions)
        for name in HARMLESS:
            blockbuster.functions[name].deactivate()
        yield


@pytest.fixture
async def loop_errors():
    """Errors of callbacks and forgotten tasks; a test that expects some takes them away."""
    loop = asyncio.get_running_loop()
    found = []
    loop.set_exception_handler(lambda _, context: found.append(context))
    before = asyncio.all_tasks()
    yield found
    for _ in range(3):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, f"the test left tasks behind: {left}"
    assert not found, f"the event loop was told of errors: {found}"


@pytest.fixture
async def executor():
    """An executor with two workers on this machine."""
    async with gl.AsyncExecutor(max_workers=2) as executor:
        yield executor
        for job in executor.jobs:  # a test that failed shall not wait for its calls
            job.cancel()
