"""The shortest program with our concurrent.futures executor."""

import greenlithops as gl


def double(x: int) -> int:
    """Stand for a user's function."""
    return x + x


if __name__ == "__main__":
    with gl.PoolExecutor(max_workers=2) as pool:
        assert pool.submit(double, 4).result() == double(4)
