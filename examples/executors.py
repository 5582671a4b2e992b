"""PoolExecutor where the standard library's executors go: asyncio, and dask-like graphs."""

import asyncio
import concurrent.futures
import math
import operator
from typing import Any

import greenlithops as gl


def is_prime(number: int) -> bool:
    """Return whether a number is prime."""
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


async def on_a_loop(pool: gl.PoolExecutor) -> list[int]:
    """Await calls with what asyncio has for any executor."""
    loop = asyncio.get_running_loop()
    numbers = range(1_000_000_000, 1_000_000_010)
    found = await asyncio.gather(*(loop.run_in_executor(pool, is_prime, n) for n in numbers))
    return [number for number, prime in zip(numbers, found, strict=True) if prime]


def compute(pool: gl.PoolExecutor, graph: dict[str, Any], key: str) -> object:
    """Compute a graph as dask describes one: names with values, or with (function, *names)."""
    futures: dict[str, concurrent.futures.Future[Any]] = {}

    def future_of(name: str) -> concurrent.futures.Future[Any]:
        if name not in futures:
            function, *needed = graph[name] if isinstance(graph[name], tuple) else (None,)
            if function is None:
                futures[name] = pool.submit(operator.pos, graph[name])
            else:
                values = [future_of(other).result() for other in needed]
                futures[name] = pool.submit(function, *values)
        return futures[name]

    return future_of(key).result()


def main() -> None:
    """Show both, and the standard library's `as_completed`."""
    with gl.PoolExecutor() as pool:
        print("primes:", asyncio.run(on_a_loop(pool)))
        graph = {"x": 3, "y": 4, "sum": (operator.add, "x", "y"), "end": (math.sqrt, "sum")}
        print("graph:", compute(pool, graph, "end"))
        futures = [pool.submit(math.factorial, n) for n in (5, 6, 7)]
        print("done:", sorted(f.result() for f in concurrent.futures.as_completed(futures)))


if __name__ == "__main__":
    main()
