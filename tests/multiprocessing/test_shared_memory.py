"""Blocks of shared memory are tracked once for a program, as the standard library's are."""

from pathlib import Path

import pytest

from support import scripts

TRACKED = """
    import os
    import sys
    from multiprocessing import resource_tracker
    from multiprocessing.shared_memory import SharedMemory

    import greenlithops.multiprocessing as mp
    from greenlithops import FunctionExecutor, PoolExecutor

    def tracker(_=None):
        return os.fstat(resource_tracker.getfd()).st_ino

    if __name__ == "__main__":
        if sys.argv[1] == "map":
            with FunctionExecutor(backend="localhost", max_workers=1) as executor:
                there = executor.get_result(executor.map(tracker, [0]))[0]
        elif sys.argv[1] == "pool":
            with mp.Pool(1) as pool:
                there = pool.apply(tracker)
        else:
            with PoolExecutor(1) as pool:
                there = pool.submit(tracker).result()
        print(there == tracker())
"""


@pytest.mark.parametrize("way", ["map", "pool", "pool executor"])
def test_workers_track_where_their_client_does(way, tmp_path):
    assert scripts.run(tmp_path, TRACKED, way) == "True\n"


def test_a_block_outlives_the_process_that_made_it_and_not_the_program(tmp_path):
    source = """
        from pathlib import Path
        from multiprocessing.shared_memory import SharedMemory

        import greenlithops.multiprocessing as mp

        def make(queue):
            block = SharedMemory(create=True, size=5)
            block.buf[:5] = b"bytes"
            queue.put(block.name)
            block.close()

        if __name__ == "__main__":
            queue = mp.Queue()
            process = mp.Process(target=make, args=(queue,))
            process.start()
            name = queue.get()
            process.join()
            block = SharedMemory(name)
            print(name, bytes(block.buf[:5]))
            block.close()
    """
    process = scripts.start(tmp_path, source)
    out, errors = scripts.finish(process)
    name, read = out.split()
    assert (process.returncode, read) == (0, "b'bytes'"), errors
    assert "1 leaked shared_memory" in errors
    assert not Path("/dev/shm", name.removeprefix("/")).exists()
