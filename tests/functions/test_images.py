"""Images of function services: what their recipes start runs here, on a Python without packages."""

import asyncio
import json
import shlex
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import aiohttp
import pytest

import greenlithops as gl
from greenlithops.backends.compute import image
from greenlithops.backends.compute.hosted import described
from greenlithops.backends.compute.http.backend import HttpBackend
from greenlithops.backends.compute.oracle_f import image as oracle
from greenlithops.cli.kubernetes.building import RECIPES
from greenlithops.models import Reply
from greenlithops.offload import off_loop
from support.servers.process import free_ports

KEY = "the key of these tests"
START_SECONDS = 60.0


def started(folder, word, root, log, **variables):
    """Run what a recipe says for its container, with the folder in the place of its own."""
    lines = (folder / "Containerfile").read_text().splitlines()
    command = json.loads(next(line for line in lines if line.startswith(word)).split(" ", 1)[1])
    (said,) = (line for line in lines if line.startswith("ENV"))
    recipe = dict(one.split("=") for one in shlex.split(said)[1:])
    app = str(folder / "app")
    words = [one.replace(root, app) for one in command[1:]]
    recipe = {name: value.replace(root, app) for name, value in recipe.items()}
    (port,) = free_ports(1)
    words = [str(port) if one == "8080" else one for one in words]
    words = ["127.0.0.1" if one == "0.0.0.0" else one for one in words]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-S", *words],  # nothing of this installation
            env=recipe | variables | {"GREENLITHOPS_KEY": KEY},
            cwd=app,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    return process, port


@pytest.fixture
def run():
    running = []

    def start(*arguments, **variables):
        process, port = started(*arguments, **variables)
        running.append(process)
        return process, port

    yield start
    for process in running:
        process.kill()
        process.wait()


async def test_the_image_of_a_service_over_http(run, tmp_path):
    await off_loop(lambda: image.RECIPE.write(tmp_path))
    _, port = await off_loop(run, tmp_path, "CMD", image.ROOT, tmp_path / "log")
    backend = HttpBackend(f"http://127.0.0.1:{port}/", KEY, patience=START_SECONDS)
    async with gl.AsyncExecutor(backend) as executor:
        assert await executor.map(lambda x: x * 2, range(5)) == [0, 2, 4, 6, 8]


async def test_the_image_of_a_function_of_oracles(run, tmp_path):
    await off_loop(lambda: oracle.RECIPE.write(tmp_path))
    # A socket's path has at most 107 bytes, and a test's folder may take all of them.
    with tempfile.TemporaryDirectory(prefix="greenlithops-fdk-") as room:
        place = Path(room, "s")
        variables = {"FN_FORMAT": "http-stream", "FN_LISTENER": f"unix:{place}"}
        log = tmp_path / "log"
        process, _ = await off_loop(
            lambda: run(tmp_path, "ENTRYPOINT", oracle.ROOT, log, **variables)
        )
        async with asyncio.timeout(START_SECONDS):
            while not await off_loop(place.exists):
                assert process.poll() is None, log.read_text()
                await asyncio.sleep(0.05)

        async def invoke(body):
            connector = aiohttp.UnixConnector(str(place))
            async with aiohttp.ClientSession(connector=connector) as session:
                headers = {"Fn-Call-Id": "1", "Content-Type": "application/octet-stream"}
                async with session.post("http://localhost/call", data=body, headers=headers) as got:
                    return Reply(await got.read())

        found = await described(KEY.encode(), invoke)
    assert found["python"].startswith("{}.{}.".format(*sys.version_info[:2]))


@pytest.mark.parametrize("backend", sorted(RECIPES))
def test_every_recipe_starts_from_a_base_and_starts_something(backend):
    recipe = import_module(RECIPES[backend]).RECIPE
    lines = recipe.containerfile("python:of-mine").splitlines()
    assert "FROM python:of-mine" in lines
    assert any(line.startswith(("CMD", "ENTRYPOINT")) for line in lines)
