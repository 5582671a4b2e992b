"""Who asks Google: tokens and signatures by gcloud-aio, whose errors become those of the tree."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import aiohttp

from greenlithops.errors import (
    AccessDenied,
    ConfigurationError,
    NotSupported,
    StorageUnavailable,
    UsageError,
)
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gcloud.aio.auth import Token

SCOPES = ["https://www.googleapis.com/auth/devstorage.full_control"]
SERVER_ERROR = 500
TOO_MANY = 429
SECONDS = 10  #: in which a token has to come
USED = 0.9  #: the share of its time for which a token is used
LONGEST = 604_800  #: seconds that a signed URL may be valid: a week
NOBODY: Mapping[str, str] = {}


class Access:
    """The credentials of a service account, a user, or of the machine in Google's cloud.

    Args:
        service_file: where they are; None to look for them as Google's tools do.
        anonymous: send none.
        scopes: what the tokens are for.

    Attributes:
        token: gcloud-aio's; None while this is not open, or if it is anonymous.
    """

    def __init__(
        self,
        service_file: str | Path | None,
        *,
        anonymous: bool,
        scopes: Sequence[str] = SCOPES,
    ) -> None:
        self._scopes = list(scopes)
        self._service_file = service_file
        self._anonymous = anonymous
        self.token: Token | None = None
        self._session: aiohttp.ClientSession | None = None
        self._text = ""
        self._until = 0.0  #: on the monotonic clock
        self._renewing = asyncio.Lock()

    async def open(self, session: aiohttp.ClientSession) -> None:
        """Read the credentials' file."""
        self._session = session
        if self._anonymous:
            return
        file = None if self._service_file is None else str(self._service_file)
        loop = asyncio.get_running_loop()

        def load() -> Token:
            # The import reads files, as does the token; both off the event loop.
            import gcloud.aio.storage  # noqa: F401, PLC0415 - here it does not block the loop
            from gcloud.aio.auth import Token  # noqa: PLC0415 - as above

            # gcloud-aio wraps the session it is given; making that asks for the loop.
            asyncio.set_event_loop(loop)
            try:
                # Its types are those of its synchronous twin, which has other sessions.
                return Token(service_file=file, session=session, scopes=self._scopes)  # type: ignore[arg-type]
            finally:
                asyncio.set_event_loop(None)

        try:
            self.token = await off_loop(load)
        except (OSError, ValueError, KeyError) as error:
            raise ConfigurationError(f"the credentials cannot be used: {error}") from error
        if file is not None and not self.token.service_data:
            raise ConfigurationError(f"{file} is not a file of Google's credentials")

    async def close(self) -> None:
        """Forget the token."""
        self.token = None
        self._text = ""

    async def headers(self) -> Mapping[str, str]:
        """Return what a request is sent with.

        Raises:
            AccessDenied: there are no credentials, or they are refused.
            StorageUnavailable: who gives tokens cannot be reached.
        """
        if self.token is None:
            return NOBODY
        if self._old():
            async with self._renewing:
                if self._old():
                    await self._renew(self.token)
        return {"Authorization": f"Bearer {self._text}"}

    def _old(self) -> bool:
        return not self._text or time.monotonic() > self._until

    async def _renew(self, token: Token) -> None:
        """Ask once for a token; gcloud-aio's own way would try five times for half a minute."""
        try:
            found = await token.refresh(timeout=SECONDS)
        except aiohttp.ClientResponseError as error:
            if error.status >= SERVER_ERROR or error.status == TOO_MANY:
                raise StorageUnavailable(f"Google gives no token: {error.message}") from error
            raise AccessDenied(f"the credentials are refused: {error.message}") from error
        except (aiohttp.ClientError, OSError) as error:
            if not token.service_data:
                raise AccessDenied(
                    "no credentials were found: give service_file, set "
                    "GOOGLE_APPLICATION_CREDENTIALS, or log in with gcloud"
                ) from error
            raise StorageUnavailable(f"Google gives no token: {error}") from error
        except (ValueError, KeyError) as error:
            raise AccessDenied(f"the credentials cannot be used: {error}") from error
        self._text = found.value
        self._until = time.monotonic() + found.expires_in * USED

    async def project(self) -> str | None:
        """Return the project of the credentials, if they have one."""
        if self.token is None:
            return None
        try:
            return await self.token.get_project()
        except (aiohttp.ClientError, OSError):
            return None  # only a machine in Google's cloud has somebody to ask

    async def signed(self, method: str, bucket: str, key: str, seconds: float) -> str:
        """Return a URL that does it without credentials."""
        if self.token is None or "private_key" not in self.token.service_data:
            raise NotSupported("signing a URL needs the key of a service account: service_file")
        if not 1 <= seconds <= LONGEST:
            raise UsageError(f"a URL is valid from a second to a week, not {seconds} seconds")
        from gcloud.aio.storage import Blob, Bucket, Storage  # noqa: PLC0415 - loaded by `open`

        storage = Storage(token=self.token, session=self._session)  # type: ignore[arg-type]  # as above
        blob = Blob(Bucket(storage, bucket), key, {"size": 0})
        return await blob.get_signed_url(int(seconds), http_method=method)
