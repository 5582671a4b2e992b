"""What is compared with what, at which size, and the goals: what the driver works through."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OURS = "greenlithops"
NOBODY = "idle"  # nothing runs: the floor of the machine, which nobody is compared with

# Pinned, so that two runs compare with the same peer; numpy is there for the payload.
ENVIRONMENTS = {
    "loky": ("loky==3.7.0", "numpy"),
    "dask": ("distributed==2026.8.0", "numpy"),
    "lithops": ("lithops==3.8.0", "numpy"),
    "multiprocessing-lithops": ("lithops==3.8.0", "redis==8.1.0", "hiredis==3.5.0"),
    "codecarbon": ("codecarbon==3.3.2",),
    "storage-lithops": ("lithops[aws]==3.8.0",),
    "storage-clients": ("aiobotocore==3.10.0", "aiohttp==3.14.5", "obstore==0.12.1"),
}


@dataclass(frozen=True)
class Peer:
    """Someone who runs functions; without an environment, in the one that runs the benchmarks."""

    label: str
    adapter: str
    environment: str | None = None


PEERS = {
    OURS: Peer("greenlithops", "greenlithops_async"),
    "greenlithops-uvloop": Peer("greenlithops, host on uvloop", "greenlithops_uvloop"),
    "greenlithops-sync": Peer("greenlithops, sync face", "greenlithops_sync"),
    "greenlithops-pool": Peer("greenlithops, PoolExecutor", "greenlithops_pool"),
    NOBODY: Peer("nothing (idle loop)", "idle"),
    "process-pool": Peer("ProcessPoolExecutor", "process_pool"),
    "process-pool-chunked": Peer("ProcessPoolExecutor, chunked", "process_pool_chunked"),
    "pool": Peer("multiprocessing.Pool", "multiprocessing_pool"),
    "loky": Peer("loky", "loky_executor", "loky"),
    "dask": Peer("Dask distributed", "dask_client", "dask"),
    "lithops": Peer("Lithops", "lithops_executor", "lithops"),
}


@dataclass(frozen=True)
class Plan:
    """How much of a workload a peer does, and how much of it in a quick run."""

    size: int
    quick: int
    adapter: str | None = None  # where the workload needs another way in than usual
    seconds: float = 60.0  # a probe that takes longer has failed


@dataclass(frozen=True)
class Measure:
    """One figure of a workload."""

    name: str
    title: str
    unit: str
    higher_is_better: bool = False
    goals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Workload:
    """What is run, by whom, and how the figures are counted."""

    title: str
    counted: str
    size: int
    plans: Mapping[str, Plan]
    measures: tuple[Measure, ...]
    rounds: int = 5
    by_size: bool = False  # figures are rates named by their size, so a missing one extrapolates


def _everyone(size: int, quick: int, **others: Plan) -> dict[str, Plan]:
    same = (OURS, "greenlithops-sync", "process-pool", "pool", "loky")
    return {**dict.fromkeys(same, Plan(size, quick)), **others}


def _lithops(size: int, quick: int) -> Plan:
    # Now and then a map that follows another never ends there: not worth a minute each time.
    return Plan(size, quick, seconds=30.0)


WORKLOADS = {
    "noop": Workload(
        "Warm no-op maps",
        "calls a second from map() to the list of results; greenlithops with the record and the "
        "energy of every call, the others without; chunked: one message for many calls",
        size=100_000,
        plans={
            OURS: Plan(100_000, 10_000),
            "greenlithops-uvloop": Plan(100_000, 10_000),
            "greenlithops-sync": Plan(100_000, 10_000),
            "process-pool": Plan(10_000, 1_000),
            "process-pool-chunked": Plan(100_000, 10_000),
            "pool": Plan(100_000, 10_000),
            "loky": Plan(10_000, 1_000),
            "dask": Plan(1_000, 100),
            "lithops": _lithops(20, 5),
        },
        measures=(
            Measure("1", "1 call", "calls/s", higher_is_better=True),
            Measure("100", "100 calls", "calls/s", higher_is_better=True),
            Measure("1000", "1,000 calls", "calls/s", higher_is_better=True),
            Measure("10000", "10,000 calls", "calls/s", higher_is_better=True, goals={OURS: 1e5}),
            Measure("100000", "100,000 calls", "calls/s", higher_is_better=True),
        ),
        by_size=True,
    ),
    "latency": Workload(
        "One warm call",
        "from submitting one call to having its result, nothing else running",
        size=500,
        plans={
            **_everyone(500, 100, dask=Plan(500, 50), lithops=_lithops(5, 2)),
            "greenlithops-uvloop": Plan(500, 100),
            "greenlithops-pool": Plan(500, 100),
        },
        measures=(
            Measure("median", "median", "ms", goals={OURS: 0.3, "greenlithops-sync": 0.6}),
            Measure("p99", "99th percentile", "ms"),
        ),
    ),
    "cold": Workload(
        "A whole program that makes one call",
        "wall time from starting the interpreter to the end of its process; import: more than bare "
        "Python takes",
        size=1,
        plans={
            **_everyone(1, 1, dask=Plan(1, 1), lithops=_lithops(1, 1)),
            "greenlithops-pool": Plan(1, 1),
        },
        measures=(
            Measure(
                "call", "start, call, exit", "s", goals={OURS: 0.25, "greenlithops-sync": 0.25}
            ),
            Measure("bare", "python -c pass", "s"),
            Measure("import", "import greenlithops", "s", goals={OURS: 0.06}),
            Measure("import_face", "from greenlithops import AsyncExecutor", "s"),
        ),
        rounds=7,
    ),
    "payload": Workload(
        "100 calls with 1 MiB in and 1 MiB out",
        "bytes in plus bytes out, in units of 10^6, by the wall time of the map",
        size=100,
        plans=_everyone(100, 20, dask=Plan(100, 20), lithops=_lithops(10, 4)),
        measures=(
            Measure("bytes", "bytes", "MB/s", higher_is_better=True),
            Measure("numpy", "numpy arrays", "MB/s", higher_is_better=True),
        ),
    ),
    "cpu": Workload(
        "64 calls of 50 ms of CPU",
        "CPU time of the calls / cores / wall time; 1 is the ideal, and what other programs take "
        "from the cores lowers it",
        size=64,
        plans=_everyone(64, 16, dask=Plan(64, 16), lithops=_lithops(8, 4)),
        measures=(
            Measure("fraction", "of the ideal", "", higher_is_better=True, goals={OURS: 0.97}),
        ),
    ),
    "million": Workload(
        "One job of 1,000,000 no-op calls",
        "client: this process without its workers; memory: peak resident size over that before",
        size=1_000_000,
        plans={
            OURS: Plan(1_000_000, 100_000, seconds=180.0),
            "process-pool": Plan(20_000, 5_000),
        },
        measures=(
            Measure("client_cpu", "client CPU: plan, send, hold", "s", goals={OURS: 5.0}),
            Measure("bytes", "client memory a call", "bytes", goals={OURS: 1024.0}),
            Measure("seconds", "to the last result", "s"),
            Measure("returned", "until map() returns", "ms"),
        ),
        rounds=3,
    ),
    "lag": Workload(
        "Event loop of a host application while 10,000-call maps run in it",
        "how much later than asked a task wakes that sleeps 1 ms, again and again",
        size=10_000,
        plans={
            NOBODY: Plan(10_000, 10_000),
            OURS: Plan(10_000, 10_000),
            "greenlithops-uvloop": Plan(10_000, 10_000),
            "process-pool": Plan(10_000, 2_000, adapter="process_pool_async"),
            "dask": Plan(2_000, 500, adapter="dask_async"),
        },
        measures=(
            Measure("p50", "median", "ms"),
            Measure("p99", "99th percentile", "ms", goals={OURS: 6.0}),
            Measure("arrivals_p99", "99th percentile of what arrives at any moment", "ms"),
            Measure("max", "worst", "ms"),
        ),
    ),
    "sampling": Workload(
        "Energy sampling at 10 Hz",
        "CPU time of an idle open executor and its workers with energy on, less that with it off",
        size=6,
        plans={OURS: Plan(6, 3)},
        measures=(
            Measure("added", "added by energy", "% of a core", goals={OURS: 0.5}),
            Measure("on", "energy on", "% of a core"),
            Measure("off", "energy off", "% of a core"),
        ),
        rounds=3,
    ),
}
