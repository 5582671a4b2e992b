"""``open`` for objects, with every mode of Python's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from greenlithops.errors import NoSuchKey, PreconditionFailed, UsageError
from greenlithops.sync.edited_object import EditedObject, forget_copy, local_copy
from greenlithops.sync.object_files import (
    BUFFER_BYTES,
    WRITE_BYTES,
    BinaryEditor,
    BinaryWriter,
    ObjectStream,
    ReadingObject,
    TextFile,
    WritingObject,
)

if TYPE_CHECKING:
    import io
    from pathlib import Path

    from greenlithops.objects import ObjectInfo
    from greenlithops.sync.storage_host import StorageHost


@dataclass(frozen=True, slots=True)
class Mode:
    """What the letters of a mode say."""

    action: str  #: ``r``, ``w``, ``a`` or ``x``
    updating: bool
    binary: bool

    @classmethod
    def of(cls, letters: str) -> Mode:
        """Return what a text such as ``"rb+"`` says.

        Raises:
            UsageError: it is no mode.
        """
        if not isinstance(letters, str):
            raise UsageError(f"a mode is text, such as 'rb', not {type(letters).__name__}")
        actions = [letter for letter in letters if letter in "rwax"]
        rest = sorted(letter for letter in letters if letter not in "rwax")
        if len(actions) != 1 or len(set(rest)) != len(rest) or not set(rest) <= set("bt+"):
            raise UsageError(
                f"invalid mode {letters!r}: one of r, w, a and x; then, if wanted, b or t, and +"
            )
        if "b" in rest and "t" in rest:
            raise UsageError(f"mode {letters!r}: a file is binary or text, not both")
        return cls(actions[0], "+" in rest, "b" in rest)


def open_object(  # noqa: PLR0917 - the parameters of `open`, in their order
    host: StorageHost,
    bucket: str,
    key: str,
    letters: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> IO[Any]:
    """Open an object as a file; the parameters are those of Python's `open`.

    Reading fetches ranges. Writing sends parts while it goes on; the object is there, whole, when
    the file is closed, and not at all when its ``with`` block is left by an exception. ``+`` works
    on a local copy. Text is UTF-8 unless `encoding` says otherwise.

    Raises:
        NoSuchKey: there is no such object.
        PreconditionFailed: with ``x``, there is one (also when the file is closed); with ``a``
            and ``r+``, when it is closed: somebody else has changed it meanwhile.
        UsageError: the parameters contradict each other.
    """
    mode = Mode.of(letters)
    _check(mode, buffering, encoding, errors, newline)
    raw: io.RawIOBase
    if mode.updating:
        raw = _editing(host, bucket, key, mode)
    elif mode.action == "r":
        raw = ReadingObject(host, host.ask(lambda storage: storage.head(bucket, key)))
    else:
        raw = _writing(host, bucket, key, mode)
    if mode.binary and buffering == 0:
        return raw  # type: ignore[return-value]  # raw files are files
    try:
        buffered: Any = _buffered(raw, mode, buffering)
        if mode.binary:
            return buffered  # type: ignore[no-any-return]  # one of three kinds of files
        text = _text(raw, buffered, encoding or "utf-8", errors, newline, buffering == 1)
    except BaseException:
        if isinstance(raw, (WritingObject, EditedObject)):
            raw.drop()
        raw.close()
        raise
    text.mode = letters  # type: ignore[misc]  # as `open` does
    return text


def _check(
    mode: Mode, buffering: int, encoding: str | None, errors: str | None, newline: str | None
) -> None:
    if mode.binary:
        given = {"encoding": encoding, "errors": errors, "newline": newline}
        for name, value in given.items():
            if value is not None:
                raise UsageError(f"a binary file has no {name}")
    elif buffering == 0:
        raise UsageError("only binary files can be without a buffer")


def _text(raw: io.RawIOBase, buffered: Any, *options: Any) -> TextFile:
    """Return a text file; it looks at its place at the start, to know of byte order marks."""
    if not isinstance(raw, WritingObject):
        return TextFile(buffered, *options)
    raw.tells_its_place = True
    try:
        return TextFile(buffered, *options)
    finally:
        raw.tells_its_place = False


def _buffered(raw: io.RawIOBase, mode: Mode, buffering: int) -> Any:
    if mode.updating:
        return BinaryEditor(raw, buffering if buffering > 1 else BUFFER_BYTES)
    if mode.action == "r":
        return ObjectStream(raw, buffering if buffering > 1 else BUFFER_BYTES)
    return BinaryWriter(raw, buffering if buffering > 1 else WRITE_BYTES)


def _writing(host: StorageHost, bucket: str, key: str, mode: Mode) -> WritingObject:
    if mode.action == "w":
        return WritingObject(host, bucket, key)
    info = _found(host, bucket, key)
    if mode.action == "x":
        _refuse(info)
    if info is None:
        return WritingObject(host, bucket, key, if_absent=True)
    return WritingObject(host, bucket, key, info, **_unchanged(info))


def _editing(host: StorageHost, bucket: str, key: str, mode: Mode) -> EditedObject:
    if mode.action == "w":
        info, options = None, {}
    elif mode.action == "r":
        info = host.ask(lambda storage: storage.head(bucket, key))
        options = _unchanged(info)
    else:
        info = _found(host, bucket, key)
        if mode.action == "x":
            _refuse(info)
        options = {"if_absent": True} if info is None else _unchanged(info)

    def publish(path: Path) -> None:
        host.ask(lambda storage: storage.put(bucket, key, path, **options))

    path = local_copy()
    try:
        if info is not None:
            host.ask(lambda storage: storage.download_file(bucket, key, path))
        letters = "a+" if mode.action == "a" else "r+"
        edited = EditedObject(path, letters, publish, changed=info is None)
    except BaseException:
        forget_copy(path)
        raise
    edited.name = key
    return edited


def _found(host: StorageHost, bucket: str, key: str) -> ObjectInfo | None:
    try:
        return host.ask(lambda storage: storage.head(bucket, key))
    except NoSuchKey:
        return None


def _refuse(info: ObjectInfo | None) -> None:
    if info is not None:
        raise PreconditionFailed(f"{info.key} is there already", bucket=info.bucket, key=info.key)


def _unchanged(info: ObjectInfo) -> dict[str, Any]:
    return {"if_match": info.etag} if info.etag else {}
