"""Who asks, and where: credentials, regions and endpoints by botocore, which knows all its chains.

Whatever of botocore reads files does it in a thread. When access key and endpoint are given,
botocore is not even imported.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from greenlithops.backends.storage.s3.failures import CODES, SERVER_ERROR
from greenlithops.backends.storage.s3.places import place
from greenlithops.backends.storage.s3.sigv4 import Credentials, Signer
from greenlithops.errors import AccessDenied, StorageError, StorageUnavailable, UsageError
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from greenlithops.backends.storage.s3.options import Options
    from greenlithops.backends.storage.s3.places import Place

DEFAULT_REGION = "us-east-1"


class Account:
    """Credentials that stay fresh, places of buckets, and clients of aiobotocore.

    Args:
        options: who asks, and where.
        service: which service of AWS is asked, as botocore names it.
    """

    def __init__(self, options: Options, service: str = "s3") -> None:
        self._options = options
        self._service = service
        self._fixed = options.credentials  #: as they are now
        self._source: Any = None  #: botocore's credentials, where they are looked for
        self._session: Any = None
        self._clients: dict[str, Any] = {}
        self._endpoints: dict[str, str] = {}
        self._places: dict[str, Place] = {}
        self._signers: dict[str, Signer] = {}
        self._stack = AsyncExitStack()
        self._creating = asyncio.Lock()
        self._refreshing = asyncio.Lock()
        self.region = options.region or DEFAULT_REGION

    async def open(self) -> None:
        """Find what was not given."""
        self._creating, self._refreshing = asyncio.Lock(), asyncio.Lock()  # of this event loop
        options = self._options
        found = self._fixed is not None or options.anonymous
        if found and options.endpoint is not None:
            self._endpoints[self.region] = options.endpoint
            return
        await self._with_session()
        if self._session is not None and options.region is None:
            configured = self._session.get_config_variable("region")
            self.region = configured or DEFAULT_REGION
        if options.endpoint is not None:
            self._endpoints[self.region] = options.endpoint
        if not found:
            self._source = await off_loop(_in_own_loop, self._session.get_credentials)
            if self._source is None:
                raise AccessDenied(
                    "no credentials were found: give access_key_id and secret_access_key, a "
                    "profile, or anonymous=True"
                )

    async def close(self) -> None:
        """Close the clients."""
        self._clients.clear()
        await self._stack.aclose()

    async def signer(self, region: str) -> Signer | None:
        """Return what signs requests to a region; None when nothing is to be signed."""
        if self._source is not None and (self._fixed is None or self._expiring()):
            async with self._refreshing:
                if self._fixed is None or self._expiring():
                    await self._refresh()
        signer = self._signers.get(region)
        if self._fixed is not None and (signer is None or signer.credentials is not self._fixed):
            signer = self._signers[region] = Signer(self._fixed, region, self._service)
        return signer

    def _expiring(self) -> bool:
        needed = getattr(self._source, "refresh_needed", None)  # only those that expire have it
        return needed is not None and bool(needed())

    async def renew(self) -> None:
        """Look for credentials anew: a service says that those in use have expired.

        Raises:
            AccessDenied: they were given, or there are no others.
        """
        old = self._fixed
        async with self._refreshing:
            if self._fixed is not old:
                return  # another request has seen to it
            if self._source is None:
                raise AccessDenied("the credentials that were given have expired")
            self._session = None  # it remembers what it has found
            await self._with_session()
            self._source = await off_loop(_in_own_loop, self._session.get_credentials)
            if self._source is None:
                raise AccessDenied("the credentials have expired, and there are no others")
            await self._refresh()

    async def _refresh(self) -> None:
        from botocore import exceptions as theirs  # noqa: PLC0415 - imported by then

        try:
            found = await off_loop(_in_own_loop, self._source.get_frozen_credentials)
        except (theirs.BotoCoreError, theirs.ClientError) as error:
            unreachable = isinstance(error, (theirs.ConnectionError, theirs.HTTPClientError))
            kind = StorageUnavailable if unreachable or _busy(error) else AccessDenied
            raise kind(f"the credentials cannot be renewed: {error}") from error
        self._fixed = Credentials(found.access_key, found.secret_key, found.token)

    async def place(self, bucket: str) -> Place:
        """Return where a bucket is, as far as is known."""
        found = self._places.get(bucket)
        return found if found is not None else await self.move(bucket, self.region)

    async def move(self, bucket: str, region: str) -> Place:
        """Take note that a bucket is in another region; return where that is."""
        endpoint = self._options.endpoint or self._endpoints.get(region)
        if endpoint is None:
            client = await self.client(region)
            endpoint = self._endpoints[region] = client.meta.endpoint_url
        found = place(endpoint, bucket, self._options.addressing, region)
        self._places[bucket] = found
        return found

    async def client(self, region: str | None = None) -> Any:
        """Return aiobotocore's client of a region, for what is rare."""
        region = region or self.region
        await self.signer(region)  # renews credentials, in a thread
        async with self._creating:
            if region not in self._clients:
                await self._with_session()
                self._clients[region] = await self._stack.enter_async_context(
                    self._session.create_client(self._service, **self._client_options(region))
                )
        return self._clients[region]

    def _client_options(self, region: str) -> dict[str, Any]:
        from aiobotocore.config import AioConfig  # noqa: PLC0415 - only where it is needed

        options, given = self._options, self._options.credentials
        config = AioConfig(
            connect_timeout=options.connect_timeout,
            read_timeout=options.read_timeout,
            # Operations of storage are tried again above.
            retries={"total_max_attempts": 1 if self._service == "s3" else 5},
            s3={"addressing_style": options.addressing},
            signature_version=_signature(anonymous=options.anonymous, service=self._service),
            request_checksum_calculation="when_required",
        )
        return {
            "region_name": region,
            "endpoint_url": options.endpoint,
            "config": config,
            "aws_access_key_id": given.access_key if given else None,
            "aws_secret_access_key": given.secret_key if given else None,
            "aws_session_token": given.token if given else None,
        }

    async def _with_session(self) -> None:
        if self._session is None:
            self._session = await off_loop(self._loaded)

    def _loaded(self) -> Any:
        """Return a session that has read what clients are made of."""
        from aiobotocore.session import AioSession  # noqa: PLC0415 - 0.2 s where it is needed
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415

        session = AioSession(profile=self._options.profile)

        async def warm() -> None:
            options = self._client_options(self.region)
            async with session.create_client(self._service, **options):
                pass  # what it has read is kept by the session

        try:
            asyncio.run(warm())
        except BotoCoreError as error:  # no such profile, a broken file …
            raise UsageError(f"AWS' configuration cannot be used: {error}") from error
        return session


def _busy(error: Exception) -> bool:
    """Return whether a service of AWS has failed with what may work later."""
    answer = getattr(error, "response", {})  # only an answer of the service itself has one
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    kind = CODES.get(answer.get("Error", {}).get("Code", ""), StorageError)
    return status >= SERVER_ERROR or issubclass(kind, StorageUnavailable)


def _signature(*, anonymous: bool, service: str) -> Any:
    from botocore import UNSIGNED  # noqa: PLC0415 - imported by then

    return UNSIGNED if anonymous else "s3v4" if service == "s3" else "v4"


def _in_own_loop(function: Any) -> Any:
    """Return what a coroutine function of botocore gives that reads files on its way."""
    return asyncio.run(function())
