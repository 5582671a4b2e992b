"""S3's XML, read and written: listings, errors, parts, deletions."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from greenlithops.errors import NotSupported, StorageUnavailable
from greenlithops.objects import ObjectInfo, Page, Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"
#: what a document of XML 1.0 cannot hold, however it is written
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
LAST_SURROGATE = 0xDFFF  #: of the 2,048 code points that UTF-8 does not have


def parsed(data: bytes) -> ET.Element:
    """Return a document's root; its names come without a namespace.

    Raises:
        StorageUnavailable: it is no XML, or was cut short.
    """
    try:
        root = ET.fromstring(data)  # noqa: S314 - expat refuses entities that grow since 2.4.1
    except ET.ParseError as error:
        raise StorageUnavailable(f"the storage answered with broken XML: {error}") from error
    return root


def local(element: ET.Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def texts(element: ET.Element) -> dict[str, str]:
    """Return the texts of an element's children by name."""
    return {child.tag.rpartition("}")[2]: child.text or "" for child in element}


def children(root: ET.Element, name: str) -> Iterator[dict[str, str]]:
    """Give the texts of each child of a name."""
    return (texts(child) for child in root if local(child) == name)


def page(root: ET.Element, bucket: str, after: str = "") -> Page:
    """Return a part of a listing (ListObjectsV2), of what comes after a key.

    Raises:
        NotSupported: there is more to list than can be asked for.
    """
    head = texts(root)
    more = head.get("IsTruncated") == "true"
    if more and not head.get("NextContinuationToken"):
        raise NotSupported(
            f"{bucket}: the storage lists a part of what there is, and tells no way to the rest; "
            "it does not know ListObjectsV2",
            bucket=bucket,
        )
    decode = unquote_plus if head.get("EncodingType") == "url" else str
    objects = [
        ObjectInfo(
            bucket,
            decode(entry["Key"]),
            int(entry["Size"]),
            entry.get("ETag", "").strip('"'),
            moment(entry.get("LastModified", "")),
        )
        for entry in children(root, "Contents")
    ]
    # Servers that keep objects as files list a folder before what its name is the beginning of.
    objects.sort(key=lambda info: info.key.encode())
    prefixes = [decode(entry["Prefix"]) for entry in children(root, "CommonPrefixes")]
    if after:
        last = after.encode()
        objects = [info for info in objects if info.key.encode() > last]
        prefixes = [name for name in prefixes if name.encode() > last or after.startswith(name)]
    return Page(objects, prefixes, head["NextContinuationToken"] if more else None)


def start_by_path(after: str) -> str:
    """Return a key before which, by path, nothing comes that comes after `after` by its bytes.

    By path ``a/z`` comes before ``a.b``, since ``a`` does; by bytes it comes after it. The two
    orders part where a character is less than the slash. A listing that starts after the name of
    a folder passes over what is in it, so it starts a little before one.
    """
    for position, character in enumerate(after):
        if character < "/":
            after = after[:position]
            break
    if not after or after.endswith("/"):
        return after
    before = ord(after[-1]) - 1
    return f"{after[:-1]}{chr(before if before != LAST_SURROGATE else before - 0x800)}~"


def moment(text: str) -> float | None:
    """Return a time of ISO 8601 as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp() if text else None


def parts(root: ET.Element) -> tuple[list[Part], str | None]:
    """Return some parts of an upload (ListParts), and the number after which there are more."""
    head = texts(root)
    found = [
        Part(
            int(entry["PartNumber"]),
            entry["ETag"].strip('"'),
            int(entry.get("Size", -1)),
            entry.get("ChecksumCRC32C", ""),
        )
        for entry in children(root, "Part")
    ]
    more = head.get("IsTruncated") == "true" and found
    return found, str(found[-1].number) if more else None


def completion(parts: Sequence[Part]) -> bytes:
    """Return what makes an object of its parts."""
    body = []
    for part in parts:
        crc = f"<ChecksumCRC32C>{part.checksum}</ChecksumCRC32C>" if part.checksum else ""
        body.append(
            f"<Part><PartNumber>{part.number}</PartNumber>"
            f"<ETag>&quot;{escape(part.etag)}&quot;</ETag>{crc}</Part>"
        )
    name = "CompleteMultipartUpload"
    return f'<{name} xmlns="{XMLNS}">{"".join(body)}</{name}>'.encode()


def deletion(keys: Sequence[str]) -> bytes:
    """Return what deletes objects; none of the keys may have something `UNWRITABLE`."""
    # A carriage return would be read as a line feed if it were not written as a number.
    entities = {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
    objects = "".join([f"<Object><Key>{escape(key, entities)}</Key></Object>" for key in keys])
    return f'<Delete xmlns="{XMLNS}"><Quiet>true</Quiet>{objects}</Delete>'.encode()
