"""The shortest program in the manner of Lithops."""

import greenlithops as gl


def double(x: int) -> int:
    """Stand for a user's function."""
    return x + x


if __name__ == "__main__":
    with gl.FunctionExecutor(max_workers=2) as executor:
        executor.call_async(double, (4,))
        assert executor.get_result() == double(4)
