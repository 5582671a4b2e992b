"""The XML that Azure's Blob service gives and takes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from greenlithops.backends.storage.web import http_moment
from greenlithops.errors import StorageUnavailable
from greenlithops.objects import ObjectInfo, Page

if TYPE_CHECKING:
    from collections.abc import Iterable


def parsed(data: bytes) -> ET.Element:
    """Return the root of a document. Raises `StorageUnavailable` if it is cut short."""
    try:
        # A listing may begin with a byte order mark, which is part of none of its names.
        return ET.fromstring(data.removeprefix(b"\xef\xbb\xbf"))  # noqa: S314 - expat refuses entities that grow
    except ET.ParseError as error:
        raise StorageUnavailable(f"the storage's answer cannot be read: {error}") from error


def page(data: bytes, bucket: str, after: str) -> Page:
    """Return a part of a listing, without what does not come after a key."""
    root = parsed(data)
    blobs = root.find("Blobs")
    limit = after.encode()
    objects, prefixes = [], []
    for entry in blobs if blobs is not None else ():
        name = _name(entry)
        if entry.tag == "BlobPrefix":
            if name.encode() > limit or after.startswith(name):
                prefixes.append(name)
        elif name.encode() > limit:
            objects.append(_info(entry, bucket, name))
    return Page(objects, prefixes, root.findtext("NextMarker") or None)


def _name(entry: ET.Element) -> str:
    found = entry.find("Name")
    text = "" if found is None else found.text or ""
    # What XML cannot hold is percent-encoded, and marked so.
    return unquote(text) if found is not None and found.get("Encoded") == "true" else text


def _info(entry: ET.Element, bucket: str, name: str) -> ObjectInfo:
    facts = entry.find("Properties")
    texts = {} if facts is None else {fact.tag: fact.text or "" for fact in facts}
    return ObjectInfo(
        bucket,
        name,
        int(texts.get("Content-Length") or 0),
        texts.get("Etag", "").strip('"'),
        http_moment(texts.get("Last-Modified")),
    )


def blocks(data: bytes) -> list[tuple[str, int]]:
    """Return names and sizes of the blocks that are not committed."""
    found = parsed(data).find("UncommittedBlocks")
    return [
        (block.findtext("Name") or "", int(block.findtext("Size") or 0))
        for block in (found if found is not None else ())
    ]


def block_list(names: Iterable[str]) -> bytes:
    """Return the document that commits blocks, also if that was done and nobody was told."""
    lines = "".join(f"<Latest>{escape(name)}</Latest>" for name in names)
    return f'<?xml version="1.0" encoding="utf-8"?><BlockList>{lines}</BlockList>'.encode()
