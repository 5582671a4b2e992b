"""Alibaba's signature of a request, version 3: HMAC-SHA256 over what is canonical of it.

Source: Alibaba Cloud, "V3 request syntax and signature"; the tests hold it against Alibaba's own
client.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "ACS3-HMAC-SHA256"
VERSION = "2023-03-30"
_ACTIONS = {
    ("POST", 0): "CreateFunction",
    ("GET", 0): "ListFunctions",
    ("GET", 1): "GetFunction",
    ("PUT", 1): "UpdateFunction",
    ("DELETE", 1): "DeleteFunction",
    ("POST", 2): "InvokeFunction",
}


def action(method: str, path: str) -> str:
    """Return the name of the operation that a request is, by the parts of its path."""
    return _ACTIONS[method, len(path.strip("/").split("/")) - 2]


def sign(
    method: str,
    url: str,
    body: bytes,
    kind: str,
    *,
    key: str,
    secret: str,
    token: str | None = None,
    moment: datetime | None = None,
    nonce: str | None = None,
) -> dict[str, str]:
    """Return the headers of a request, its signature among them.

    Args:
        method: HTTP's.
        url: where to.
        body: what is sent.
        kind: its content type; empty for none.
        key: the access key.
        secret: its secret.
        token: of temporary credentials.
        moment: when it is sent; None for now.
        nonce: what makes it unique; None for something random.
    """
    parts = urlsplit(url)
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "host": parts.netloc,
        "x-acs-action": action(method, parts.path),
        "x-acs-content-sha256": digest,
        "x-acs-date": (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce or secrets.token_hex(16),
        "x-acs-version": VERSION,
    }
    if kind:
        headers["content-type"] = kind
    if token is not None:
        headers |= {"x-acs-accesskey-id": key, "x-acs-security-token": token}
    authorization = _authorization(method, parts.path, parts.query, headers, key, secret)
    del headers["host"]  # who sends it says it, too
    return {**headers, "Authorization": authorization}


def _authorization(  # noqa: PLR0917 - the parts of a request, in their order
    method: str, path: str, query: str, headers: Mapping[str, str], key: str, secret: str
) -> str:
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    canonical_query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)
    names = sorted(headers)
    canonical_headers = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    signed = ";".join(names)
    canonical = "\n".join(
        [
            *(method, path or "/", canonical_query, canonical_headers, signed),
            headers["x-acs-content-sha256"],
        ]
    )
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()
    return f"{ALGORITHM} Credential={key},SignedHeaders={signed},Signature={signature}"


def _quoted(text: str) -> str:
    return quote(text, safe="~")
