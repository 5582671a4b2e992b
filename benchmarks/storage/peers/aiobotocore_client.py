"""aiobotocore, as its documentation shows it, with as many connections as are in flight."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from place import Place

DISTRIBUTION = "aiobotocore"


class Client:
    """Objects of one bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    async def get(self, key: str) -> int:
        """Return how many bytes an object has, after getting them."""
        answer = await self._client.get_object(Bucket=self._bucket, Key=key)
        async with answer["Body"] as body:
            return len(await body.read())

    async def put(self, key: str, body: bytes) -> None:
        """Write an object."""
        await self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    async def head(self, key: str) -> None:
        """Ask for what is known of an object."""
        await self._client.head_object(Bucket=self._bucket, Key=key)

    async def list(self, prefix: str) -> int:
        """Return how many objects there are, after getting the key and size of each."""
        pages = self._client.get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self._bucket, Prefix=prefix)
        return sum([len(page.get("Contents", ())) async for page in found])


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Client]:
    """Give the client."""
    async with get_session().create_client(
        "s3",
        endpoint_url=place.endpoint,
        aws_access_key_id=place.user,
        aws_secret_access_key=place.secret,
        region_name=place.region,
        config=AioConfig(max_pool_connections=64),
    ) as client:
        yield Client(client, place.bucket)
