"""The shortest program with Lithops on this machine."""

import lithops


def double(x: int) -> int:
    """Stand for a user's function."""
    return x + x


if __name__ == "__main__":
    config = {"lithops": {"backend": "localhost", "storage": "localhost"}}
    with lithops.FunctionExecutor(config=config, log_level=None) as executor:
        executor.call_async(double, (4,))
        assert executor.get_result(show_progressbar=False) == double(4)
