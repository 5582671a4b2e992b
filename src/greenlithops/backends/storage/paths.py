"""How object keys become paths of files below a folder, for any key, and back; pure.

Every part of a key between slashes is a folder, whose name ends with ``%``, but the last one,
which is a file: so ``a`` and ``a/b`` can both be objects. What a file system could take for
something else (``.``, ``..``, an empty part, NUL, a percent sign) is escaped with percent signs;
parts that are too long for a file name go on in a folder whose name ends with ``%+``.
"""

from __future__ import annotations

import re

PIECE_BYTES = 200  #: of a file name; file systems take 255, and suffixes need some
_DIRECTORY, _LONGER = "%", "%+"
SIDECAR = "%m"  #: ends the name of the file that keeps an object's metadata
_UNSAFE = re.compile(r"[%\x00-\x1f\x7f]")
_ESCAPED = re.compile(r"%([0-9A-F]{2})")


def path_of(key: str) -> str:
    """Return the relative path of an object's file."""
    *folders, name = key.split("/")
    steps = [f"{step}{_DIRECTORY}" for folder in folders for step in _steps(folder)]
    return "/".join([*steps, *_steps(name)])


def folder_of(bucket: str) -> str:
    """Return the name of a bucket's folder, or one that no folder has."""
    return path_of(bucket).replace("/", "%slash%")


def _steps(part: str) -> list[str]:
    """Return the file names that a part of a key becomes: one, or more if it is long."""
    safe = _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", part)
    if len(safe.encode()) <= PIECE_BYTES:
        return [_no_other_folder(safe)]
    *pieces, last = _cut(safe)
    return ["/".join([*(f"{piece}{_LONGER}" for piece in pieces), _no_other_folder(last)])]


def _no_other_folder(safe: str) -> str:
    return ("%2E" * len(safe) or "%00E") if safe in ("", ".", "..") else safe


def _cut(safe: str) -> list[str]:
    """Cut a text into pieces of at most `PIECE_BYTES`, never within an escape."""
    pieces: list[str] = []
    piece = ""
    size = 0
    for token in re.findall(r"%[0-9A-F]{2}|.", safe, re.DOTALL):
        more = len(token.encode())
        if size + more > PIECE_BYTES:
            pieces.append(piece)
            piece, size = "", 0
        piece += token
        size += more
    return [*pieces, piece]


def step_back(name: str) -> tuple[str, bool]:
    """Return what a file name stands for in a key, and whether it is a folder's.

    A folder's text ends with a slash, unless its part of the key goes on in it.
    """
    if name.endswith(_LONGER):
        return _plain(name[: -len(_LONGER)]), True
    if name.endswith(_DIRECTORY):
        return _plain(name[: -len(_DIRECTORY)]) + "/", True
    return _plain(name), False


def _plain(safe: str) -> str:
    if safe == "%00E":
        return ""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), safe)
