"""Several processes with one folder of objects: none waits for another, or takes what is its."""

import os
import subprocess
from pathlib import Path

from greenlithops.backends.storage.folder import Folder
from support import scripts

A_CHILD_MEANWHILE = """
import os, sys
from greenlithops.backends.storage.folder import Folder
from greenlithops.locks import locked
from greenlithops.objects import PutOptions

folder = Folder(sys.argv[1])
folder.prepare()
folder.create_bucket("bucket")
waits, ends = os.pipe()
with locked(os.path.join(folder.root, "%locks", "bucket")):
    child = os.fork()
    if not child:
        os.close(ends)
        os.read(waits, 1)
        os._exit(0)
print(folder.put("bucket", "key", b"content", PutOptions()).size)
os.close(ends)
os.waitpid(child, 0)
"""


def test_a_child_that_is_forked_meanwhile_holds_up_nobody(tmp_path):
    assert scripts.run(tmp_path, A_CHILD_MEANWHILE, tmp_path / "root") == "7\n"


REPLACING = """
import sys, threading
from greenlithops.backends.storage.folder import Folder
from greenlithops.objects import PutOptions

folder = Folder(sys.argv[1])
folder.prepare()
folder.create_bucket("bucket")
ended = threading.Event()

def put(number):
    metadata = {"number": str(number)}
    folder.put("bucket", "key", b"." * number, PutOptions("text/plain", metadata))

def replace():
    for number in range(1, 200):
        put(number)
    ended.set()

put(1)
threading.Thread(target=replace).start()
while not ended.is_set():
    opened = folder.open("bucket", "key", None, 0)
    opened.close()
    for info in (folder.head("bucket", "key"), opened.info):
        if (info.content_type, info.metadata) != ("text/plain", {"number": str(info.size)}):
            print(info)
"""


def test_an_object_that_is_replaced_has_the_metadata_of_its_content(tmp_path):
    assert scripts.run(tmp_path, REPLACING, tmp_path / "root") == ""


def test_what_a_container_is_writing_stays(tmp_path):
    folder = Folder(str(tmp_path))
    folder.prepare()
    ended = subprocess.Popen(["true"])
    ended.wait()
    with folder.temporary() as (path, descriptor):
        theirs = tmp_path / "%tmp" / f"{ended.pid}-ffff"  # whose process has no number here
        Path(path).rename(theirs)
        os.write(descriptor, b"1")
        Folder(str(tmp_path)).prepare()
        assert theirs.read_bytes() == b"1"
    Folder(str(tmp_path)).prepare()
    assert not theirs.exists()
