"""Files of the storage OS API on a real S3 server, which keeps objects as files itself."""

import asyncio
import secrets

from test_s3 import reached

from greenlithops.storage_os import CloudFileProxy, CloudStorage
from greenlithops.sync.loop import background

background().call(lambda: None)  # it belongs to the process, not to the test that comes first


def test_directories_are_those_of_the_files_in_them(seaweedfs):
    bucket = f"files-{secrets.token_hex(6)}"
    section = reached(seaweedfs, storage_bucket=bucket)
    with CloudStorage({"backend": "seaweedfs", "seaweedfs": section}) as storage:
        storage.create_bucket(bucket)
        os = CloudFileProxy(storage)
        os.makedirs("made/below", exist_ok=True)
        assert not os.path.isdir("made")  # the server has no empty ones
        with os.open("made/below/file", "w") as file:
            file.write("text")
        os.mkdir("made/below")
        assert os.listdir("made") == ["below"]
        os.rename("made", "moved")
        assert list(os.walk("moved")) == [
            ("moved", ["below"], []),
            ("moved/below", [], ["file"]),
        ]
        os.remove("moved/below/file")
        assert not os.path.exists("moved")
        storage.ask(lambda one: one.delete_bucket(bucket))


def test_keys_of_several_pages_are_in_order(seaweedfs):
    bucket = f"files-{secrets.token_hex(6)}"
    section = reached(seaweedfs, storage_bucket=bucket)
    keys = ["a-", *(f"a/{n:04d}" for n in range(1_005)), "a0"]

    async def put(storage):
        await storage.put(bucket, keys[1], b"")  # the folder, before others are made beside it
        await asyncio.gather(*(storage.put(bucket, key, b"") for key in keys))

    with CloudStorage({"backend": "seaweedfs", "seaweedfs": section}) as storage:
        storage.create_bucket(bucket)
        storage.ask(put)
        assert storage.list_keys(bucket) == keys
        assert [entry["Key"] for entry in storage.list_objects(bucket, "a")] == keys
        storage.delete_objects(bucket, keys)
        storage.ask(lambda one: one.delete_bucket(bucket))
