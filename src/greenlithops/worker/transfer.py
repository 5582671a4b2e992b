"""Messages that pass through storage: got from, and put to, URLs that were signed for it."""

from __future__ import annotations

import time

from greenlithops.errors import ProtocolError

TIMEOUT_SECONDS = 60.0  #: without a byte, until a transfer has failed
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  #: seconds between attempts


def get(url: str) -> bytes:
    """Return what a URL has.

    Raises:
        OSError: it cannot be had, or not by now.
    """
    return _transfer(url, None)


def put(url: str, data: bytes) -> None:
    """Put something at a URL.

    Raises:
        OSError: it cannot be put, or not by now.
    """
    _transfer(url, data)


def _transfer(url: str, data: bytes | None) -> bytes:
    from urllib.error import HTTPError  # noqa: PLC0415 - 40 ms, and only for what is large
    from urllib.request import Request, urlopen  # noqa: PLC0415

    if not url.startswith(("https://", "http://")):
        raise ProtocolError("messages are passed by https or http")
    # What Azure asks for; others take it as one more header.
    headers = {"x-ms-blob-type": "BlockBlob"} if data is not None else {}
    method = "GET" if data is None else "PUT"
    request = Request(url, data, headers, method=method)  # noqa: S310 - checked above
    for pause in (*_PAUSES, None):
        try:
            with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - checked above
                content: bytes = answer.read()
                return content
        except OSError as error:
            refused = isinstance(error, HTTPError) and error.code < 500 and error.code != 429  # noqa: PLR2004
            if refused or pause is None:
                raise
            time.sleep(pause)
    raise AssertionError("unreachable")
