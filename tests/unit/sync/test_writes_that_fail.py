"""What is written, edited or deleted through files and lists: all of it, or an error."""

import os
import shutil
import signal
import stat

import numpy as np
import pytest

import greenlithops as gl
from greenlithops.errors import NoSuchBucket
from support import scripts


@pytest.fixture
def storage(tmp_path):
    return gl.Storage({"localhost": {"root": str(tmp_path / "objects")}})


def test_what_others_write_to_the_descriptor_is_kept(storage):
    numbers = np.arange(1000)
    storage.put_object("b", "k", bytes(numbers.nbytes))
    with storage.open("b", "k", "r+b") as file:
        numbers.tofile(file)
    assert storage.get_object("b", "k") == numbers.tobytes()


def test_an_edit_is_dropped_that_others_wrote_to_the_descriptor(storage):
    def edit():
        with storage.open("b", "k", "r+b") as file:
            os.pwrite(file.fileno(), b"2", 0)
            raise KeyError

    storage.put_object("b", "k", b"1")
    with pytest.raises(KeyError):
        edit()
    assert storage.get_object("b", "k") == b"1"


def test_a_copy_that_is_edited_is_nobody_elses(storage, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
    (tmp_path / "copies").mkdir()
    storage.put_object("b", "k", b"secret")
    for mode in ("r+b", "a+b", "w+b"):
        with storage.open("b", "k", mode) as file:
            file.write(b"more")
            (folder,) = (tmp_path / "copies").iterdir()
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert list((tmp_path / "copies").iterdir()) == []


INTERRUPTED = """
import os, sys, threading, time, traceback
import greenlithops as gl
from greenlithops.locks import locked

root = sys.argv[1]
storage = gl.Storage({"localhost": {"root": root, "concurrency": 1, "part_bytes": 65536}})
storage.put_object("b", "first", b"1")
file = storage.open("b", "k", "wb")
with locked(root + "/%locks/b"):  # so that what is put takes the only turn, and waits
    other = threading.Thread(target=storage.put_object, args=("b", "other", b"2"))
    other.start()
    while not os.listdir(root + "/%tmp"):
        time.sleep(0.01)
    print("begun", flush=True)
    while True:
        try:
            while True:
                file.write(b"." * (3 << 20))
        except KeyboardInterrupt as interrupt:
            frames = traceback.extract_tb(interrupt.__traceback__)
        print("interrupted", flush=True)
        if any(frame.filename.endswith("object_files.py") for frame in frames):
            break
        print("between writes", flush=True)
other.join()
file.close()
print(storage.list_keys("b"))
"""


def test_a_write_that_is_interrupted_is_not_left_out_of_an_object(tmp_path):
    process = scripts.start(tmp_path, INTERRUPTED, tmp_path / "objects")
    said = scripts.line(process)
    while said in ("begun", "between writes"):
        scripts.rest(process)
        process.send_signal(signal.SIGINT)
        assert scripts.line(process) == "interrupted"
        said = scripts.line(process)
    assert said == "['first', 'other']"
    scripts.finish(process)


def test_what_is_no_bytes_is_refused_and_the_rest_is_kept(storage):
    with storage.open("b", "k", "wb", buffering=0) as file:
        file.write(b"1")
        with pytest.raises(TypeError):
            file.write("2")
        file.write(b"3")
    assert storage.get_object("b", "k") == b"13"


def test_keys_to_delete_may_be_asked_of_the_storage(storage):
    for number in range(5):
        storage.put_object("b", f"k{number}", b"")
    pages = storage.get_client().get_paginator("list_objects_v2").paginate(Bucket="b")
    storage.delete_objects("b", (found["Key"] for page in pages for found in page["Contents"]))
    assert storage.list_keys("b") == []


def test_a_bucket_that_somebody_has_removed_is_made_again(storage, tmp_path):
    storage.put_object("b", "k", b"1")
    shutil.rmtree(tmp_path / "objects" / "b")
    with pytest.raises(NoSuchBucket):
        storage.get_object("b", "k")
    storage.put_object("b", "k", b"2")
    assert storage.get_object("b", "k") == b"2"
