"""Calls and their outcomes as one message each way: for functions that are invoked over HTTP.

A message is ``digest | pickle | buffers``: an HMAC-SHA256 of the direction, a table of lengths and
the pickle; a pickle of plain values; raw buffers. Nothing is unpickled that was not made with the
deployment's key. A request names its function by digest; a service that does not know it says so,
and is sent it.

A reply is one message, or a stream of them, each after its length: parts with the outcomes that
there are by then, and at the end what is left.
"""

from __future__ import annotations

import hmac
import pickle
import struct

from greenlithops.errors import ProtocolError

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

VERSION = 2  #: of this protocol; services and clients of the same one work together
MAC_BYTES = 32
SMALL = 64 << 10  #: bytes that are copied rather than handled by themselves
REQUEST, REPLY, ENVELOPE = b"glo-request", b"glo-reply", b"glo-envelope"
HEADER = struct.Struct("<BxxxIQ")  #: version, number of buffers, bytes of the pickle

# What a reply says. A stream ends with any but a part; only what has begun is followed by another.
OUTCOMES, NEEDS_FUNCTION, REFUSED, PART, BEGUN = range(5)

STREAM = "application/vnd.greenlithops.stream"  #: the type of a reply in parts
WHOLE = "application/octet-stream"  #: the type of a single message
LENGTH = struct.Struct("<Q")  #: before each message of a stream


def pack(key: bytes, direction: bytes, content: Any, buffers: Iterable[Any] = ()) -> bytes:
    """Return a message."""
    views = [memoryview(buffer).cast("B") for buffer in buffers]
    message = pickle.dumps(content, 5)
    table = struct.pack(f"<{len(views)}Q", *(view.nbytes for view in views))
    head = HEADER.pack(VERSION, len(views), len(message)) + table
    mac = _mac(key, direction, head, message)
    return b"".join([mac, head, message, *views])


def unpack(key: bytes, direction: bytes, data: bytes) -> tuple[Any, list[memoryview]]:
    """Return what a message says, and its buffers.

    Raises:
        ProtocolError: it is of another version, was not made with this key, or is cut short.
    """
    view = memoryview(data)
    start = MAC_BYTES + HEADER.size
    if len(view) < start:
        raise ProtocolError(f"{len(view)} bytes are no message of greenlithops")
    version, count, size = HEADER.unpack_from(view, MAC_BYTES)
    if version != VERSION:
        raise ProtocolError(
            f"the other side speaks version {version} of the protocol, this one {VERSION}; deploy "
            "the function again with this version of greenlithops"
        )
    stop = start + 8 * count
    message = view[stop : stop + size]
    if len(view) < stop or not hmac.compare_digest(
        _mac(key, direction, view[MAC_BYTES:stop], message), view[:MAC_BYTES]
    ):
        raise ProtocolError("a message was not made with this deployment's key; it was not read")
    lengths = struct.unpack(f"<{count}Q", view[start:stop])
    if len(view) != stop + size + sum(lengths):
        raise ProtocolError("a message does not have the length that it says")
    buffers = []
    position = stop + size
    for length in lengths:
        buffers.append(view[position : position + length])
        position += length
    return pickle.loads(message), buffers


def address(key: bytes, body: bytes, url: str) -> bytes:
    """Return a request in an envelope that says where its reply shall be put."""
    return pack(key, ENVELOPE, (url, body[:MAC_BYTES]), [body])


def addressed(key: bytes, data: bytes) -> tuple[bytes, str]:
    """Return the request of an envelope, and the URL to which its reply shall be put.

    Raises:
        ProtocolError: it is none, or was not made with this key.
    """
    (url, mac), (body,) = unpack(key, ENVELOPE, data)
    if not hmac.compare_digest(body[:MAC_BYTES], mac):
        raise ProtocolError("the request is not the one that its envelope was made for")
    return bytes(body), url


def _mac(key: bytes, direction: bytes, head: bytes | memoryview, message: Any) -> bytes:
    if len(message) < SMALL:  # three times as fast
        return hmac.digest(key, b"".join([direction, head, message]), "sha256")
    code = hmac.new(key, direction, "sha256")
    code.update(head)
    code.update(message)
    return code.digest()
