"""The shortest program with a ProcessPoolExecutor."""

from concurrent.futures import ProcessPoolExecutor


def double(x: int) -> int:
    """Stand for a user's function."""
    return x + x


if __name__ == "__main__":
    with ProcessPoolExecutor(2) as pool:
        assert pool.submit(double, 4).result() == double(4)
