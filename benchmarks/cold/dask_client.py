"""The shortest program with Dask distributed, which need not pay for a dashboard."""

from distributed import Client


def double(x: int) -> int:
    """Stand for a user's function."""
    return x + x


if __name__ == "__main__":
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        assert client.submit(double, 4).result() == double(4)
