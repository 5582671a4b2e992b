"""Dask distributed's blocking client on a local cluster of one-thread processes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from distributed import Client, LocalCluster

from peers import Session, drive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

T = TypeVar("T")

DISTRIBUTION = "distributed"
run = drive


class _Session(Session):
    def __init__(self, client: Client) -> None:
        self._client = client

    async def map(self, function: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        # Not pure: Dask would answer equal calls from its cache.
        return self._client.gather(self._client.map(function, list(items), pure=False))

    async def call(self, function: Callable[[Any], T], item: Any) -> T:
        return self._client.submit(function, item, pure=False).result()


@asynccontextmanager
async def open_session(workers: int) -> AsyncIterator[Session]:
    """Open a cluster without its dashboard, and close it with its processes."""
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield _Session(client)
