"""One way of making many calls over HTTP at once, measured in a process of its own."""

from __future__ import annotations

import asyncio
import http.client
import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PAGE = resource.getpagesize()
ALONE = 3  #: calls whose time is measured one by one
KEY = "benchmark"


async def main(way: str, port: int, calls: int, seconds: float) -> None:
    """Print what ``calls`` calls of some seconds took as JSON."""
    ways = {"aiohttp": bare, "greenlithops": ours, "idle": idle}
    figures = await ways[way](port, calls, seconds)
    print(json.dumps(figures))


async def bare(port: int, calls: int, seconds: float) -> dict[str, float]:
    """Make the requests with aiohttp and nothing else, all at once."""
    import aiohttp  # noqa: PLC0415 - one client does not measure the other's imports

    connector = aiohttp.TCPConnector(limit=0)
    no_limit = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=no_limit) as session:
        url = f"http://127.0.0.1:{port}/raw?{seconds}"

        async def one() -> bytes:
            async with session.post(url, data=b"y" * 300) as response:
                return await response.read()

        async def all_of_them(number: int) -> Any:
            return await asyncio.gather(*(one() for _ in range(number)))

        return await measured(all_of_them, port, calls, seconds)


async def ours(port: int, calls: int, seconds: float) -> dict[str, float]:
    """Make them as a map."""
    import greenlithops as gl  # noqa: PLC0415 - one client does not measure the other's imports

    endpoint = f"http://127.0.0.1:{port}/?{seconds}"
    options = {"endpoint": endpoint, "key": KEY, "concurrency": calls}
    async with gl.AsyncExecutor("http", backend_options=options) as executor:

        async def all_of_them(number: int) -> Any:
            return await executor.map(abs, range(number))

        return await measured(all_of_them, port, calls, seconds)


async def idle(_port: int, _calls: int, _seconds: float) -> dict[str, float]:
    """Do nothing until the standard input ends: how late a loop is that others do not let run."""
    lags: list[float] = []
    probing = asyncio.create_task(probe(lags))
    await asyncio.to_thread(sys.stdin.read)
    probing.cancel()
    return {"lag_p99_ms": late(lags)}


async def measured(
    run: Callable[[int], Awaitable[Any]], port: int, calls: int, seconds: float
) -> dict[str, float]:
    """Return wall and CPU seconds, memory per call, how late the loop was, and one call's time.

    The last is the milliseconds until the result of a call alone, beyond the service's own time,
    of calls that are short; ``in_flight`` is how many the service had at a time.
    """
    await run(10)
    most_open(port)
    memory, cpu, start = resident(), cpu_seconds(), time.perf_counter()
    lags: list[float] = []
    probing = asyncio.create_task(probe(lags))
    results = await run(calls)
    wall, used, highest = time.perf_counter() - start, cpu_seconds() - cpu, peak()
    probing.cancel()
    if len(results) != calls:
        raise RuntimeError(f"{len(results)} results of {calls} calls")
    in_flight = most_open(port)
    figures = {
        "wall_s": wall,
        "cpu_s": used,
        "in_flight": in_flight,
        "kib_per_call": (highest - memory) / calls / 1024,
        "lag_p99_ms": late(lags),
    }
    if seconds <= 1:
        alone = [await seconds_alone(run) for _ in range(ALONE)]
        figures["first_ms"] = 1e3 * (statistics.median(alone) - seconds)
    return figures


async def seconds_alone(run: Callable[[int], Awaitable[Any]]) -> float:
    """Return what one call takes with nothing else in flight."""
    start = time.perf_counter()
    await run(1)
    return time.perf_counter() - start


async def probe(lags: list[float]) -> None:
    """Note how much later than asked a task wakes that sleeps 5 ms, again and again."""
    loop = asyncio.get_running_loop()
    while True:
        start = loop.time()
        await asyncio.sleep(0.005)
        lags.append(loop.time() - start - 0.005)


def late(lags: list[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    return 1e3 * sorted(lags)[int(0.99 * len(lags))]


def most_open(port: int) -> int:
    """Return how many calls the service had at a time since it was asked last."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("POST", "/peak", b"")
        return int(connection.getresponse().read())
    finally:
        connection.close()


def cpu_seconds() -> float:
    """Return the CPU time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident() -> int:
    """Return the bytes that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def peak() -> int:
    """Return the most bytes that it ever had in memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
