"""The image of a function: built by podman of this machine's Python, and run by AWS' emulator."""

import json
import os
import shutil
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from pathlib import Path

import cloudpickle
import pytest

from greenlithops.backends.compute.aws_lambda.image import RECIPE
from greenlithops.backends.compute.building import build
from greenlithops.worker import invocation
from support.clock import BUSY
from support.servers.environment import FUNCTIONS, emulator
from support.servers.functions import invoke
from support.servers.process import Server, free_ports

pytestmark = pytest.mark.integration

KEY = "the key of these tests"
# What containers are given by default asks for rights that root may not have here.
CONTAINERS = """
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


def podman(*arguments, **options):
    ended = subprocess.run(
        ["podman", *arguments], check=False, capture_output=True, text=True, **options
    )
    assert not ended.returncode, f"podman {' '.join(arguments)}: {ended.stderr}"
    return ended.stdout.strip()


def copy_python(root):
    """Put this Python, and the libraries that it needs, where they are in the image, too."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    prefix = Path(sys.base_prefix)
    library = Path(os.__file__).parent
    left_out = shutil.ignore_patterns("test", "__pycache__", "*-packages", "config-*", "idlelib")
    shutil.copytree(library, root / library.relative_to("/"), ignore=left_out, symlinks=True)
    binary = (prefix / "bin" / version).resolve()
    client = FUNCTIONS.glob("lib/python*/site-packages/runtime_client*.so")
    needed = {binary, *library.glob("lib-dynload/*.so"), *client}
    listed = subprocess.run(["ldd", *needed], capture_output=True, text=True, check=False).stdout
    words = {word for word in listed.split() if word.startswith("/") and not word.endswith(":")}
    for path in {binary, *map(Path, words)}:
        place = root / path.relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)  # follows links: libraries are found by these names
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/python3").symlink_to(binary)
    (root / "tmp").mkdir()
    shutil.copy(emulator(), root / "emulator")


@pytest.fixture(scope="module")
def image(tmp_path_factory, function_guard):
    folder = tmp_path_factory.mktemp("image")
    conf = folder / "containers.conf"
    conf.write_text(CONTAINERS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_CONF", str(conf))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        root = folder / "root"
        root.mkdir()
        copy_python(root)
        # Another run of these tests on the same machine has names of its own.
        base, name = (f"localhost/greenlithops-test-{os.getpid()}-{x}" for x in ("base", "lambda"))
        tar = folder / "base.tar"
        subprocess.run(["tar", "-C", root, "-cf", tar, "."], check=True)
        try:
            podman("import", tar, base)
            RECIPE.write(folder / "context", base=base)
            build(folder / "context", name, program="podman")
            yield name
        finally:
            podman("rmi", "--force", "--ignore", name, base)


@pytest.fixture
def function(image, tmp_path):
    """The image in a container, as Lambda would start it."""
    (port,) = free_ports(1)
    name = f"greenlithops-test-{os.getpid()}"
    try:
        podman(
            *("run", "--detach", "--network", "host", "--env", f"GREENLITHOPS_KEY={KEY}"),
            *("--name", name, "--entrypoint", json.dumps(["/emulator", *command(port)]), image),
            "greenlithops.worker.lambda_handler.handler",
        )
        yield Server(f"http://127.0.0.1:{port}", tmp_path, None)
    finally:
        # Not --rm: what that removes after a kill has returned, the image cannot be removed before.
        podman("rm", "--force", "--ignore", "--time", "0", name)


def command(port):
    (api,) = free_ports(1)
    return [
        *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{api}"),
        *("python3", "-m", "awslambdaric"),
    ]


def where(number):
    return number * 2, os.path.exists("/emulator")  # noqa: PTH110 - it travels alone


def test_a_call_in_a_container(function):
    options = {
        "environment": {},
        "is_async": False,
        "timeout": None,
        "live": False,
        "directory": "",
        "path": [],
    }
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    content = (
        tuple(sys.version_info[:2]),
        b"digest",
        (cloudpickle.dumps(where), 0),
        options,
        [],
        [cloudpickle.dumps((21,))],
        [],
    )
    message = invocation.pack(KEY.encode(), invocation.REQUEST, content)
    event = {"greenlithops": b64encode(message).decode()}
    deadline = time.monotonic() + BUSY
    while True:
        try:
            said = invoke(function, event)
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    reply, _ = invocation.unpack(
        KEY.encode(), invocation.REPLY, b64decode(json.loads(said)["greenlithops"])
    )
    assert reply[0] == invocation.OUTCOMES
    assert cloudpickle.loads(reply[4][0]) == (42, True)
