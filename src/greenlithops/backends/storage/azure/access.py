"""Who asks Azure: requests signed with an account's key by the SDK, or sent with a token."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.storage.blob import BlobSasPermissions, generate_blob_sas
from azure.storage.blob._shared.authentication import SharedKeyCredentialPolicy

from greenlithops.errors import AccessDenied, NotSupported, StorageUnavailable, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "2021-12-02"  #: of the service's interface; this one has all that is used
SCOPE = "https://storage.azure.com/.default"
EARLY = 120.0  #: seconds before its end in which a token is not used any more
PERMISSIONS = {
    "GET": BlobSasPermissions(read=True),
    "PUT": BlobSasPermissions(create=True, write=True),
}


class AccessToken(Protocol):
    """What a credential of Azure's SDK gives."""

    token: str
    expires_on: int


class Credential(Protocol):
    """A credential of Azure's SDK, such as ``azure.identity.aio.DefaultAzureCredential()``."""

    async def get_token(self, *scopes: str) -> AccessToken:
        """Return a token."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """An account, and how it lets somebody in.

    Attributes:
        name: the account's.
        endpoint: the URL of its Blob service.
        key: its key in base 64; None for another way.
        sas_token: a shared access signature, as a query string; None for another way.
        credential: gives tokens; None for another way.
    """

    name: str
    endpoint: str
    key: str | None = field(default=None, repr=False)
    sas_token: str | None = field(default=None, repr=False)
    credential: Credential | None = field(default=None, repr=False)


def account_of(connection_string: str) -> Account:
    """Return the account that a connection string names. Raises `UsageError`."""
    pairs = [part.partition("=") for part in connection_string.split(";") if part.strip()]
    values = {name.strip().lower(): value.strip() for name, _, value in pairs}
    name = values.get("accountname", "")
    endpoint = values.get("blobendpoint")
    if endpoint is None and name:
        protocol = values.get("defaultendpointsprotocol", "https")
        suffix = values.get("endpointsuffix", "core.windows.net")
        endpoint = f"{protocol}://{name}.blob.{suffix}"
    if endpoint is None:
        raise UsageError("the connection string has neither AccountName nor BlobEndpoint")
    sas = values.get("sharedaccesssignature")
    return Account(name, endpoint.rstrip("/"), values.get("accountkey"), sas)


class Access:
    """Makes requests ones that the account answers."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._policy: Any = None
        if account.key is not None:
            try:
                self._policy = SharedKeyCredentialPolicy(account.name, account.key)  # type: ignore[no-untyped-call]  # it is untyped
                self.signed("GET", account.endpoint, {}, {})
            except (AzureError, ValueError) as error:
                raise UsageError("the account's key is not one: it is text in base 64") from error
        self._token: AccessToken | None = None
        sas = (account.sas_token or "").lstrip("?")
        self._suffix = sas

    async def allowed(
        self, method: str, url: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[str, dict[str, str]]:
        """Return the URL and the headers with which a request is sent.

        Args:
            method: in capitals.
            url: quoted, without a query.
            query: plain texts by name.
            headers: in lower case.

        Raises:
            AccessDenied: the credential gives no token.
            StorageUnavailable: who gives tokens cannot be reached.
        """
        text = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        whole = "&".join(filter(None, (text, self._suffix)))
        complete = {**headers, "x-ms-version": VERSION, "x-ms-date": formatdate(usegmt=True)}
        if self._policy is not None:
            complete = self.signed(method, url, query, complete)
        elif self._account.credential is not None:
            complete["authorization"] = (
                f"Bearer {await self._fresh_token(self._account.credential)}"
            )
        return (f"{url}?{whole}" if whole else url), complete

    def signed(
        self, method: str, url: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the headers with the signature of the account's key."""
        quoted = {name: quote(value, safe="") for name, value in query.items()}
        result = dict(headers)
        request = SimpleNamespace(method=method, url=url, query=quoted, headers=result)
        # The policy asks for no more of the SDK's own request than this.
        context = SimpleNamespace(transport=None)
        self._policy.on_request(SimpleNamespace(http_request=request, context=context))
        return result

    async def _fresh_token(self, credential: Credential) -> str:
        if self._token is None or self._token.expires_on - EARLY < time.time():
            try:
                self._token = await credential.get_token(SCOPE)
            except ClientAuthenticationError as error:
                raise AccessDenied(f"the credential is refused: {error}") from error
            except AzureError as error:
                raise StorageUnavailable(f"there is no token: {error}") from error
        return self._token.token

    def readable(self, url: str) -> str:
        """Return a URL that the service itself can read from, on behalf of a request of ours."""
        return f"{url}?{self._suffix}" if self._suffix else url

    def link(self, method: str, url: str, bucket: str, key: str, seconds: float) -> str:
        """Return a URL that does it without credentials."""
        account = self._account
        if account.key is None:
            raise NotSupported("signing a URL needs the account's key")
        if seconds <= 0:
            raise UsageError(f"a URL is valid for more than {seconds} seconds")
        token = generate_blob_sas(
            account.name,
            bucket,
            key,
            account_key=account.key,
            permission=PERMISSIONS[method],
            expiry=datetime.now(UTC) + timedelta(seconds=seconds),
        )
        return f"{url}?{token}"
