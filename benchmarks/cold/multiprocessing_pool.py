"""The shortest program with a multiprocessing.Pool."""

import multiprocessing


def double(x: int) -> int:
    """Stand for a user's function."""
    return x + x


if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool:
        assert pool.apply(double, (4,)) == double(4)
