"""What a stand-in for a cloud runs: the code that it was sent, in the provider's own framework."""

import asyncio
import io
import os
import re
import shlex
import tarfile
import urllib.error
import urllib.request
import zipfile

from aiohttp import ClientError, ClientSession, web

from greenlithops.offload import off_loop
from support.servers.environment import FUNCTIONS
from support.servers.process import Process, free_ports

HOST = "127.0.0.1"
SENT = ("Accept", "Content-Type", "x-functions-key")  #: headers of requests that are passed on
KEPT = ("Content-Type", "Server-Timing")  #: headers of replies that are passed on


class Instances:
    """Processes that answer requests, by the names of their services.

    Args:
        folder: where their code is.
        guard: as for `Process`.
    """

    def __init__(self, folder, guard):
        self._folder = folder
        self._guard = guard
        self._count = 0
        self.running = {}
        self.gone = (503, "Service Unavailable")  #: what is answered when an instance died
        self.faults = []  #: (status, headers, text): what the next requests are answered

    async def start(self, name, archive, command, variables, *, place="/", ready=frozenset()):
        """Run what an archive has.

        Args:
            name: the service's.
            archive: a zip or a ``tar.gz``; None if the command brings its code.
            command: what is run for a folder and a port: its words, and further variables.
            variables: the environment.
            place: the path that answers when it is ready.
            ready: statuses from 400 that it answers then, too.
        """
        self._count += 1
        folder = self._folder / f"{name}-{self._count}"
        (port,) = free_ports(1)
        endpoint = f"http://{HOST}:{port}"

        def run():
            (folder / "code").mkdir(parents=True)
            if archive is not None:
                _unpack(archive, folder / "code")
            words, more = command(folder / "code", port)
            path = f"{FUNCTIONS / 'bin'}:{os.environ['PATH']}"
            own = {"PATH": path, "HOME": str(folder)} | variables | more
            process = Process(
                words, folder, own, lambda: _ready(endpoint + place, ready), self._guard
            )
            process.start()
            return process

        process = await off_loop(run)
        await self.stop(name)
        self.running[name] = (process, endpoint)

    async def stop(self, name):
        """End the instance of a service, if it has one."""
        process, _ = self.running.pop(name, (None, None))
        if process is not None:
            await off_loop(process.kill)

    async def close(self):
        """End all."""
        for name in list(self.running):
            await self.stop(name)

    async def forward(self, request, name, path=""):
        """Return the reply of a service's instance, or the fault that is next."""
        body = await request.read()
        if self.faults:
            status, headers, text = self.faults.pop(0)
            return web.Response(status=status, headers=headers, text=text)
        if name not in self.running:
            return web.Response(status=404, text="no such service")
        _, endpoint = self.running[name]
        url = f"{endpoint}/{path}"
        sent = {name: request.headers[name] for name in SENT if name in request.headers}
        try:
            async with (
                ClientSession(auto_decompress=False) as session,
                session.request(request.method, url, data=body, headers=sent) as reply,
            ):
                kept = {name: reply.headers[name] for name in KEPT if name in reply.headers}
                passed = web.StreamResponse(status=reply.status, headers=kept)
                await passed.prepare(request)
                async for part in reply.content.iter_any():
                    await passed.write(part)
                return passed
        except ClientError:
            status, text = self.gone
            return web.Response(status=status, text=text)


def framework(entry_point):
    """Return the command that runs a function as Google's buildpack does."""

    def command(folder, port):
        program = FUNCTIONS / "bin" / "functions-framework"
        source = folder / "main.py"
        words = [program, "--target", entry_point, "--source", source, "--host", HOST]
        return [*words, "--port", port], {}

    return command


def recipe(folder, port):
    """Return the command and the environment of a Dockerfile, on another port."""
    text = (folder / "Dockerfile").read_text()
    variables = {}
    for line in re.findall(r"^ENV (.*)$", text, re.MULTILINE):
        variables |= dict(pair.split("=", 1) for pair in shlex.split(line))
    words = re.search(r"^CMD \[(.*)\]$", text, re.MULTILINE)[1]
    command = [word.strip().strip('"') for word in words.split(",")]
    variables |= {"PYTHONPATH": str(folder), "UVICORN_HOST": HOST, "UVICORN_PORT": str(port)}
    return [FUNCTIONS / "bin" / command[0], *command[1:]], variables


def _unpack(archive, folder):
    if archive.startswith(b"PK"):
        zipfile.ZipFile(io.BytesIO(archive)).extractall(folder)
    else:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")


def _ready(url, statuses):
    try:
        urllib.request.urlopen(url, timeout=1).close()
    except urllib.error.HTTPError as error:
        error.close()
        if error.code not in statuses:
            raise


async def serve(app, **options):
    """Return what answers requests to an application here, and its URL."""
    runner = web.AppRunner(app, shutdown_timeout=0.1, **options)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    await asyncio.sleep(0)
    return runner, f"http://{HOST}:{port}"
