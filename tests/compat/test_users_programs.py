"""Programs for Lithops, run by `greenlithops run`; what they print is what Lithops 3.8 printed."""

import pytest

PROGRAMS = {
    "executors in calls": (
        """
        import lithops

        def inner(x):
            return x + 1

        def outer(x):
            fexec = lithops.FunctionExecutor()
            section = fexec.config["localhost"]
            fexec.map(inner, [x, x])
            return section["log_bytes"], section["runtime_memory"], fexec.get_result()

        if __name__ == "__main__":
            with lithops.FunctionExecutor(log_bytes=1000, runtime_memory=2048) as fexec:
                print(fexec.call_async(outer, 1).result())
        """,
        "(1000, 2048, [2, 2])",
    ),
    "files in a storage": (
        """
        import lithops
        from lithops.storage.cloud_proxy import open, os

        def write(number):
            with open(f"made/{number}.txt", "w") as file:
                file.write(f"by {number}")
            return number

        if __name__ == "__main__":
            with open("one/file.txt", "w") as file:
                file.write("content")
            print(os.listdir("one"))
            os.remove("one/file.txt")
            print(os.listdir("one"))
            os.remove("one/file.txt")
            fexec = lithops.FunctionExecutor()
            fexec.map(write, [1, 2])
            fexec.get_result()
            with open("made/2.txt") as file:
                print(file.read())
            print([(root, sorted(files)) for root, _, files in os.walk("/") if files])
            os.remove("/made")
            print(os.path.isfile("made/1.txt"))
        """,
        """
        ['file.txt']
        []
        by 2
        [('/made', ['1.txt', '2.txt'])]
        True
        """,
    ),
    "errors of pools and queues": (
        """
        import time
        from lithops.multiprocessing import Pool, Queue

        if __name__ == "__main__":
            with Pool(1) as pool:
                try:
                    pool.apply_async(time.sleep, (60,)).get(timeout=0.1)
                except TimeoutError:
                    print("timed out")
            queue = Queue(1)
            try:
                queue.get(timeout=0.1)
            except queue.Empty:
                queue.put(1)
            try:
                queue.put(2, block=False)
            except queue.Full:
                print("full")
        """,
        "timed out\nfull",
    ),
    "reserved parameters alone": (
        """
        import lithops

        def number(id):
            return id

        def kind(storage):
            return type(storage).__name__

        async def later(id):
            return id

        if __name__ == "__main__":
            fexec = lithops.FunctionExecutor()
            print(fexec.call_async(kind, ()).result(), fexec.call_async(kind, {}).result())
            print(fexec.get_result(fexec.map(number, [(), ()])))
            print(fexec.get_result(fexec.map(later, [(), ()])))
            print(fexec.get_result(fexec.map(number, [7, (8,)])))
        """,
        "Storage Storage\n[0, 1]\n[0, 1]\n[7, 8]",
    ),
    "cloud objects of an executor": (
        """
        import lithops

        def put(x, storage):
            return storage.put_cloudobject(f"{x}"), storage.put_cloudobject("mine", key=f"own-{x}")

        async def put_later(x, storage):
            return await storage.put_cloudobject(f"{x}")

        def there(storage):
            return [key for key in storage.list_keys("storage") if key.startswith(("green", "own"))]

        if __name__ == "__main__":
            storage = lithops.Storage()
            other = storage.put_cloudobject("not of a call")
            fexec, second = lithops.FunctionExecutor(), lithops.FunctionExecutor()
            kept = second.get_result(second.map(put, [3, 4]))
            made = fexec.get_result(fexec.map(put, [1, 2]))
            fexec.get_result(fexec.map(put_later, [5]))
            print(storage.get_cloudobject(made[0][0]), len(there(storage)))
            fexec.clean(clean_cloudobjects=False)
            print(len(there(storage)))
            fexec.get_result(fexec.map(put_later, [6]))
            fexec.clean()
            left = there(storage)
            print(len(left), other.key in left, kept[0][0].key in left)
        """,
        "b'1' 10\n10\n7 True True",
    ),
    "ways to wait": (
        """
        import lithops, time
        from lithops.wait import ALWAYS, ANY_COMPLETED, get_result, wait

        def nap(seconds):
            time.sleep(seconds)
            return seconds

        fexec = lithops.FunctionExecutor()
        futures = fexec.map(nap, [0, 0.3, 0.6])
        done, pending = fexec.wait(futures, return_when=ANY_COMPLETED)
        print(len(done) >= 1, len(done) + len(pending), type(done).__name__)
        done, pending = fexec.wait(futures, return_when=ALWAYS)
        print(len(done) + len(pending))
        done, pending = fexec.wait(futures, return_when=60)
        print(len(done) >= 2)
        done, pending = fexec.wait(futures)
        print(len(done), len(pending), get_result(futures))
        done, pending = wait(fexec.map(nap, [0, 0]), download_results=True)
        print([future.done for future in done])
        try:
            fexec.wait(fexec.call_async(nap, 5), timeout=0.5)
        except TimeoutError as error:
            print(error)
        """,
        """
        True 3 FuturesList
        3
        True
        3 0 [0, 0.3, 0.6]
        [True, True]
        Timeout of 0.5 seconds exceeded waiting for function activations to finish
        """,
    ),
    "futures as input and as results": (
        """
        import lithops

        def more(x):
            return x + 1

        def several(x):
            return lithops.FunctionExecutor().map(more, range(x))

        def one(x):
            return lithops.FunctionExecutor().call_async(more, x)

        def inside(x):
            return lithops.FunctionExecutor().map(more, range(x)).get_result()

        fexec = lithops.FunctionExecutor()
        first = fexec.map(more, [1, 2])
        print(fexec.get_result(fexec.map(more, first)))
        fexec = lithops.FunctionExecutor()
        fexec.call_async(several, 3)
        print(fexec.get_result())
        fexec.call_async(one, 3)
        print(fexec.get_result())
        print(fexec.get_result(fexec.map(several, [1, 2])))
        print(fexec.call_async(inside, 3).result())
        """,
        """
        [3, 4]
        [1, 2, 3]
        4
        [1, 1, 2]
        [1, 2, 3]
        """,
    ),
    "errors": (
        """
        import lithops

        def bad(x):
            if x == 2:
                raise ValueError("two")
            return x

        fexec = lithops.FunctionExecutor()
        try:
            fexec.get_result(fexec.map(bad, [1, 2, 3]))
        except ValueError as error:
            print(error)
        futures = fexec.map(bad, [1, 2, 3])
        fexec.wait(futures, throw_except=False)
        print([future.error for future in futures], [future.done for future in futures])
        print(fexec.get_result(futures, throw_except=False))
        status = fexec.call_async(bad, 1).status()
        print(status["exception"], status["type"], status["call_id"], status["job_id"])
        """,
        """
        two
        [False, True, False] [True, True, True]
        [1, None, 3]
        False __end__ 00000 A002
        """,
    ),
    "retries": (
        """
        import lithops, os
        from lithops.retries import RetryingFunctionExecutor

        def flaky(x):
            path = os.path.join(os.environ["HOME"], f"tries-{x}")
            tries = int(open(path).read()) if os.path.exists(path) else 0
            open(path, "w").write(str(tries + 1))
            if tries < x:
                raise RuntimeError(tries)
            return x, tries

        with RetryingFunctionExecutor(lithops.FunctionExecutor()) as fexec:
            done, pending = fexec.wait(fexec.map(flaky, [0, 1, 2], retries=2), throw_except=False)
            print(sorted(future.response_future.result() for future in done), len(pending))
            done, pending = fexec.wait(fexec.map(flaky, [3], retries=1), throw_except=False)
            print([future.response_future.error for future in done])
        """,
        """
        [(0, 0), (1, 1), (2, 2)] 0
        [True]
        """,
    ),
    "objects": (
        """
        import lithops
        from lithops import Storage

        def count(obj):
            return len(obj.data_stream.read().split())

        def part(obj):
            return obj.key.rpartition("/")[2], obj.part, obj.total_parts

        storage = Storage()
        bucket = storage.bucket
        for n in range(3):
            storage.put_object(bucket, f"some/x{n}", b"four words a line\\n" * 100)
        fexec = lithops.FunctionExecutor()
        print(fexec.map(count, f"{bucket}/some/").get_result())
        print(fexec.map(count, [f"{bucket}/some/x0", f"{bucket}/some/x1"]).get_result())
        print(sorted(fexec.map(part, f"{bucket}/some/x0", obj_chunk_number=3).get_result()))
        print(fexec.map_reduce(count, f"{bucket}/some/", sum, obj_reduce_by_key=True).get_result())

        def put(x, storage):
            return storage.put_cloudobject(str(x))

        def get(co, storage):
            return storage.get_cloudobject(co)

        cloudobjects = fexec.map(put, [1, 2]).get_result()
        print(fexec.map(get, cloudobjects).get_result())
        fexec.clean(cs=cloudobjects)
        """,
        """
        [400, 400, 400]
        [400, 400]
        [('x0', 1, 3), ('x0', 2, 3), ('x0', 3, 3)]
        [400, 400, 400]
        [b'1', b'2']
        """,
    ),
    "pickled futures": (
        """
        import lithops, os, pickle, subprocess, sys

        def more(x):
            return x + 1

        if len(sys.argv) == 1:
            fexec = lithops.FunctionExecutor()
            futures = fexec.map(more, [1, 2, 3])
            fexec.wait(futures)
            with open("futures.pickle", "wb") as file:
                pickle.dump(futures, file)
            run = [sys.executable, "-m", "greenlithops", "run", __file__, "again"]
            subprocess.run(run, check=True)
        else:
            with open("futures.pickle", "rb") as file:
                futures = pickle.load(file)
            fexec = lithops.FunctionExecutor()
            print(fexec.get_result(futures), [future.call_id for future in futures])
        """,
        "[2, 3, 4] ['00000', '00001', '00002']",
    ),
    "plots and a summary": (
        """
        import glob, os
        import lithops

        def same(x):
            return x

        os.mkdir("plots")
        fexec = lithops.FunctionExecutor()
        futures = fexec.map(same, range(3))
        fexec.get_result()
        fexec.plot(dst="plots/p")
        fexec.plot(futures, dst="plots/q", figsize=(5, 3))
        names = {os.path.basename(path) for path in glob.glob("plots/*")}
        print({"p_histogram.png", "p_timeline.png", "q_histogram.png", "q_timeline.png"} <= names)
        """,
        "True",
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_print_what_lithops_lets_them_print(run_as_lithops, name):
    source, expected = PROGRAMS[name]
    assert run_as_lithops(source) == [line.strip() for line in expected.strip().splitlines()]
