"""Servers of functions: an AWS that runs handlers, and AWS' emulator of Lambda's runtime."""

import json
from pathlib import Path
from urllib.request import Request, urlopen

from support.servers.environment import FUNCTIONS, emulator
from support.servers.kinds import HOST, _answers, _started
from support.servers.process import Process, Server, free_ports

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/calls"
INVOCATIONS = "/2015-03-31/functions/function/invocations"


def start_ministack(folder, guard):
    """Lambda's control plane, functions that run, S3, CloudWatch; it believes all signatures."""
    return _started(_ministack, folder, guard)


def start_emulator(folder, guard, code, key, *, seconds=20, memory=256):
    """One environment of Lambda: AWS' emulator, with AWS' runtime client in it.

    Args:
        folder: where its log is.
        guard: as for `Process`.
        code: the folder with the function's code.
        key: the deployment's.
        seconds: what an invocation may take.
        memory: its memory setting; the emulator does not enforce it.
    """

    def start(folder, guard):
        return _emulator(folder, guard, code=code, key=key, seconds=seconds, memory=memory)

    return _started(start, folder, guard)


def start_framework(folder, guard, code, key):
    """Google's framework for functions, with the worker as its function."""

    def start(folder, guard):
        (port,) = free_ports(1)
        (folder / "main.py").write_text("from greenlithops.worker.http_function import answer\n")
        endpoint = f"http://{HOST}:{port}"
        command = [
            *(FUNCTIONS / "bin" / "functions-framework", "--target", "answer"),
            *("--source", folder / "main.py", "--host", HOST, "--port", port),
        ]
        variables = {"GREENLITHOPS_KEY": key, "PYTHONPATH": str(code)}
        process = Process(command, folder, variables, lambda: _answers(endpoint, "/", 200), guard)
        return Server(f"{endpoint}/", folder, process)

    return _started(start, folder, guard)


def invoke(server, event):
    """Return what an environment answers to an event, as text."""
    request = Request(server.endpoint + INVOCATIONS, json.dumps(event).encode())
    with urlopen(request, timeout=60) as answer:
        return answer.read().decode()


def _ministack(folder, guard):
    (port,) = free_ports(1)
    endpoint = f"http://{HOST}:{port}"
    variables = {
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": HOST,
        "PATH": f"{FUNCTIONS / 'bin'}:/usr/bin:/bin",
        "AWS_ENDPOINT_URL": endpoint,
    }
    process = Process(
        [FUNCTIONS / "bin" / "ministack"],
        folder,
        variables,
        lambda: _answers(endpoint, "/_ministack/health", 200),
        guard,
    )
    return Server(endpoint, folder, process, "test", "test")


def _emulator(folder, guard, *, code, key, seconds, memory):
    api, port = free_ports(2)
    endpoint = f"http://{HOST}:{port}"
    handler = "greenlithops.worker.lambda_handler.handler"
    variables = {
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(seconds),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "GREENLITHOPS_KEY": key,
        "PYTHONPATH": str(code),
        "LAMBDA_TASK_ROOT": str(code),
        "_HANDLER": handler,
    }
    command = [
        *(emulator(), "--runtime-interface-emulator-address", f"{HOST}:{port}"),
        *("--runtime-api-address", f"{HOST}:{api}"),
        *(FUNCTIONS / "bin" / "python", "-m", "awslambdaric", handler),
    ]
    process = Process(command, folder, variables, lambda: _answers(endpoint, "/", 404), guard)
    return Server(endpoint, Path(folder), process)
