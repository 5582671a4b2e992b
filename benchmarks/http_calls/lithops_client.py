"""Makes the same calls by Lithops, with a backend that invokes the service; in its environment."""

from __future__ import annotations

import http.client
import json
import secrets
import shutil
import sys
import threading
import time
import types
from typing import Any

import lithops
from client import cpu_seconds, most_open, peak, resident
from lithops.constants import LITHOPS_TEMP_DIR
from lithops.storage.backends.localhost.localhost import LocalhostStorageBackend

# It takes no names but those it knows, and no files with a service: both are put in others' places.
NAME, STORAGE = "knative", "minio"
WORKERS = 10_000  #: calls at a time at most
BUCKET = f"greenlithops-bench-{secrets.token_hex(4)}"


def nothing(number: int) -> None:
    """Stand for what the service does."""


class ServerlessBackend:
    """Invokes the service by one request for each call, as Lithops' own backends do."""

    def __init__(self, config: dict[str, Any], storage: Any) -> None:
        del storage
        self.type = "faas"
        self._port = int(config["port"])
        self._seconds = config["seconds"]
        self._own = threading.local()

    def invoke(self, name: str, memory: int, payload: dict[str, Any]) -> str:
        """Have the service run calls; it leaves their outcomes in the storage."""
        del name, memory
        job = f"{payload['executor_id']}-{payload['job_id']}"
        asked = {key: payload[key] for key in ("executor_id", "job_id", "call_ids")}
        asked["folder"] = f"{LITHOPS_TEMP_DIR}/{BUCKET}/lithops.jobs/{job}"
        asked["host_submit_tstamp"] = payload["host_submit_tstamp"]
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port)
            self._own.connection = connection
        connection.request("POST", f"/lithops?{self._seconds}", json.dumps(asked))
        connection.getresponse().read()
        return str(payload["call_ids"][0])

    def deploy_runtime(self, name: str, memory: int, timeout: int) -> dict[str, Any]:
        """Say that the function is there."""
        del name, memory, timeout
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return {
            "lithops_version": lithops.__version__,
            "python_version": version,
            "preinstalls": [],
        }

    def get_runtime_key(self, name: str, memory: int, version: str = "") -> str:
        """Return what its description is kept under."""
        return f"{NAME}/{version or lithops.__version__}/{name}-{memory}"

    def get_runtime_info(self) -> dict[str, Any]:
        """Return the limits."""
        return {
            "runtime_name": NAME,
            "runtime_memory": 256,
            "runtime_timeout": 60,
            "max_workers": WORKERS,
        }


def load_config(config: dict[str, Any]) -> None:
    """Fill in what Lithops wants of every backend."""
    config[NAME].setdefault("runtime", NAME)
    for key, value in (("runtime_memory", 256), ("runtime_timeout", 60), ("max_workers", WORKERS)):
        config[NAME].setdefault(key, value)
    config[NAME].setdefault("worker_processes", 1)
    config[NAME].setdefault("invoke_pool_threads", 500)


def place(name: str, **content: Any) -> None:
    """Have a module of a name that Lithops imports."""
    module = sys.modules[name] = types.ModuleType(name)
    vars(module).update(content)


def main(port: int, calls: int, seconds: float) -> None:
    """Print what the calls took as JSON."""
    place(f"lithops.serverless.backends.{NAME}", ServerlessBackend=ServerlessBackend)
    place(f"lithops.serverless.backends.{NAME}.config", load_config=load_config)
    place(f"lithops.storage.backends.{STORAGE}", StorageBackend=LocalhostStorageBackend)
    place(f"lithops.storage.backends.{STORAGE}.config", load_config=lambda _: None)
    config = {
        "lithops": {"backend": NAME, "storage": STORAGE, "monitoring_interval": 0.1},
        NAME: {"port": port, "seconds": seconds},
        STORAGE: {"storage_bucket": BUCKET},
    }
    executor = lithops.FunctionExecutor(config=config, log_level="ERROR")
    executor.get_result(executor.map(nothing, range(10)))
    most_open(port)
    threads = [0]
    threading.Thread(target=watch, args=[threads], daemon=True).start()
    memory, cpu, start = resident(), cpu_seconds(), time.perf_counter()
    results = executor.get_result(executor.map(nothing, range(calls)))
    wall, used = time.perf_counter() - start, cpu_seconds() - cpu
    if len(results) != calls:
        raise RuntimeError(f"{len(results)} results of {calls} calls")
    figures = {
        "wall_s": wall,
        "cpu_s": used,
        "in_flight": most_open(port),
        "kib_per_call": (peak() - memory) / calls / 1024,
        "threads": threads[0],
    }
    shutil.rmtree(f"{LITHOPS_TEMP_DIR}/{BUCKET}")
    print(json.dumps(figures))


def watch(most: list[int]) -> None:
    """Note how many threads there are at most."""
    while True:
        most[0] = max(most[0], threading.active_count())
        time.sleep(0.02)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
