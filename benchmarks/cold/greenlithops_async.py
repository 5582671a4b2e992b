"""The shortest asynchronous program."""

import asyncio

import greenlithops as gl


def double(x: int) -> int:
    """Stand for a user's function."""
    return x + x


async def main() -> None:
    """Make one call."""
    async with gl.AsyncExecutor(max_workers=2) as executor:
        assert await executor.submit(double, 4) == double(4)


if __name__ == "__main__":
    asyncio.run(main())
