"""Parts of objects as blocks: their names tell upload and number."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from greenlithops.errors import NoSuchUpload

if TYPE_CHECKING:
    from greenlithops.objects import Upload


def block_name(upload: Upload, number: int) -> str:
    """Return a block's name: those of one object must be of one length."""
    return base64.b64encode(f"{upload.id}{number:06d}".encode()).decode()


def block_number(upload: Upload, name: str) -> int | None:
    """Return the number of the part that a block is; None for a block of another upload."""
    try:
        text = base64.b64decode(name, validate=True).decode("ascii")
    except ValueError:
        return None
    mine, number = text[: len(upload.id)], text[len(upload.id) :]
    return int(number) if mine == upload.id and number.isdecimal() else None


def over(upload: Upload) -> NoSuchUpload:
    """Return the error for an upload that is none any more."""
    return NoSuchUpload(f"the upload of {upload.key} is over", bucket=upload.bucket, key=upload.key)
