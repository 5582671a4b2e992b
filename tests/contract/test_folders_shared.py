"""Several processes with one folder of objects: none waits for another, or takes what is its."""

import subprocess
import sys

from support.clock import BUSY

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


def ran(program, *args):
    command = [sys.executable, "-c", program, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * BUSY, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_child_that_is_forked_meanwhile_holds_up_nobody(tmp_path):
    assert ran(A_CHILD_MEANWHILE, tmp_path / "root") == ["7"]
