"""concurrent.futures' executor, by itself and on an event loop."""

import asyncio
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, as_completed, wait


def cube(number):
    return number**3


def fail(number):
    raise KeyError(number)


async def on_a_loop(pool):
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(pool, cube, n) for n in range(4)))


if __name__ == "__main__":
    with ProcessPoolExecutor(max_workers=2) as pool:
        print(list(pool.map(cube, range(5), chunksize=2)))
        print(sorted(f.result() for f in as_completed([pool.submit(cube, n) for n in range(3)])))
        done, _ = wait([pool.submit(cube, 1)], return_when=FIRST_COMPLETED)
        print(len(done), asyncio.run(on_a_loop(pool)))
        print(repr(pool.submit(fail, 7).exception()))
    try:
        pool.submit(cube, 1)
    except RuntimeError as error:
        print(error)
