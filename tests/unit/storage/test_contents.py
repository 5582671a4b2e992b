"""The bytes of files: all of them, or an error."""

import os

import pytest

from greenlithops.backends.storage.contents import append
from greenlithops.errors import StorageError


def test_a_file_that_is_cut_while_it_is_copied_is_an_error(tmp_path):
    (tmp_path / "source").write_bytes(b"1" * 10)
    with (tmp_path / "source").open("rb") as source, (tmp_path / "target").open("wb") as target:
        source.seek(0, os.SEEK_END)  # there is less to come than the file has
        with pytest.raises(StorageError, match="was cut"):
            append(source.fileno(), target.fileno())


def test_a_file_is_appended_whole(tmp_path):
    for name in ("source", "target"):
        (tmp_path / name).write_bytes(name.encode())
    with (tmp_path / "source").open("rb") as source, (tmp_path / "target").open("r+b") as target:
        target.seek(0, os.SEEK_END)
        append(source.fileno(), target.fileno())
    assert (tmp_path / "target").read_bytes() == b"targetsource"
