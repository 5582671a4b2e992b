"""Uses of Lithops as projects that stand on it have them: wrappers, words of their own, sums."""

import pytest

PROGRAMS = {
    "an engine that wraps functions and executors": (
        """
        import inspect, os
        import lithops
        from threading import Thread
        from typing import Generic, TypeVar
        from lithops.storage import Storage
        from lithops.storage.utils import CloudObject, StorageNoSuchKeyError

        Item = TypeVar("Item")

        class Typed(Generic[Item], CloudObject):
            def __init__(self, backend, bucket, key):
                CloudObject.__init__(self, backend, bucket, key)

        def measured(function):
            def wrapper(*args, **kwargs):
                notes = []
                if wants_notes:
                    kwargs["notes"] = notes
                try:
                    return function(*args, **kwargs), notes
                except Exception as error:
                    error.notes = notes
                    raise
            signature = inspect.signature(function)
            wants_notes = "notes" in signature.parameters
            own = [p for p in signature.parameters.values() if p.name != "notes"]
            wrapper.__signature__ = signature.replace(parameters=own)
            wrapper.__name__ = function.__name__
            return wrapper

        class Engine:
            def __init__(self, config):
                self.executor = lithops.LocalhostExecutor(
                    config=config, storage="localhost", runtime="python"
                )
                self.storage = Storage(config)
                self.area = self.executor.config["areas"]["cache"]

            def map(self, function, args, **how):
                found = {}
                def run():
                    try:
                        found["futures"] = self.executor.map(measured(function), args, **how)
                        found["values"] = self.executor.get_result(found["futures"])
                    except Exception as error:
                        found["error"] = error
                thread = Thread(target=run, daemon=True)
                thread.start()
                thread.join(100)
                if "error" in found:
                    failed = [f for f in found["futures"] if f.error]
                    print([f.call_id for f in failed], all(f.activation_id for f in failed))
                    raise found["error"]
                assert all(f.stats.get("worker_func_exec_time", -1) > 0 for f in found["futures"])
                return [value for value, notes in found["values"]]

            def close(self):
                self.executor.clean()
                self.executor.job_monitor.stop()
                self.executor.invoker.stop()
                try:
                    self.executor.dismantle()
                except AttributeError:
                    print("nothing to dismantle")

        def store(number, *, storage: Storage, notes):
            notes.append(number)
            return storage.put_cloudobject(str(number) * 3)

        def total(cobjects, storage):
            return sum(int(storage.get_cloudobject(one)) for one in cobjects)

        def fail(number, *, notes):
            notes.append("about to")
            raise ValueError(number)

        if __name__ == "__main__":
            engine = Engine({
                "lithops": {"mode": "localhost", "storage": "localhost", "execution_timeout": 99},
                "localhost": {"root": os.path.abspath("objects")},
                "areas": {"cache": ["bucket", "cache"], "depth": 3},
            })
            stored = engine.map(store, [(1,), (2,)], runtime_memory=512)
            print(len({one.key for one in stored}), engine.map(total, [(stored,)]))
            bucket, prefix = engine.area
            try:
                engine.storage.head_object(bucket, f"{prefix}/a")
            except StorageNoSuchKeyError:
                engine.storage.put_cloudobject(b"abc", bucket, f"{prefix}/a")
            mine = Typed(engine.storage.backend, bucket, f"{prefix}/a")
            print(engine.storage.get_cloudobject(mine, stream=True).read())
            engine.storage.delete_cloudobjects([*stored, mine])
            print(engine.storage.list_keys(bucket, prefix))
            try:
                engine.map(fail, [(7,)])
            except ValueError as error:
                print(error.args, error.notes)
            engine.close()
        """,
        """
        2 [333]
        b'abc'
        []
        ['00000'] True
        (7,) ['about to']
        nothing to dismantle
        """,
    ),
    "figures that are added up": (
        """
        import math
        import lithops

        def work(n):
            return sum(range(n))

        if __name__ == "__main__":
            fexec = lithops.FunctionExecutor()
            _, _ = fexec.wait(fs=fexec.map(work, [1_000, 300_000]))
            stats = [future.stats for future in fexec.futures]
            usage = [percent for one in stats for percent in one["worker_func_cpu_usage"]]
            print(len(usage), min(usage) >= 0)
            print(sum([one["worker_exec_time"] for one in stats]) * 1000 > 0)
            for key in ("func_sent_net_io", "func_recv_net_io", "func_rss", "peak_memory_end"):
                total = sum([one[f"worker_{key}"] for one in stats])
                print(key, math.isnan(total) or total > 0)
            print(",".join(fexec.futures[0].stats.keys()).count(",") > 20)
        """,
        """
        2 True
        True
        func_sent_net_io True
        func_recv_net_io True
        func_rss True
        peak_memory_end True
        True
        """,
    ),
    "wrappers that take names alone": (
        """
        import functools
        import lithops

        class Wrapped:
            def __init__(self, func):
                self.func = func
            def __call__(self, *args, **kwargs):
                return self.func(**kwargs)

        def timed(function):
            @functools.wraps(function)
            def inner(**kwargs):
                return function(**kwargs)
            return inner

        def add(x, y):
            return x + y

        @timed
        def stored(x, storage):
            return x, type(storage).__name__

        if __name__ == "__main__":
            fexec = lithops.FunctionExecutor()
            wrapped = functools.update_wrapper(Wrapped(add), add)
            print(fexec.call_async(wrapped, data={"x": 1, "y": 2}).result())
            print(fexec.map(wrapped, [(1, 2), (3, 4)]).get_result())
            print(fexec.map(stored, [5]).get_result())
        """,
        """
        3
        [3, 7]
        [(5, 'Storage')]
        """,
    ),
    "an element that is a tuple of everything": (
        """
        import lithops

        def copy(region, config):
            return region, config

        def run(stage, function, config):
            return function(stage, config=config) if stage else function(config=config)

        if __name__ == "__main__":
            fexec = lithops.FunctionExecutor()
            fexec.map(run, ((slice(0, 2), slice(2, 4)), copy, {"a": 1}))
            print(fexec.get_result())
        """,
        "[((slice(0, 2, None), slice(2, 4, None)), {'a': 1})]",
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_of_projects_run_as_they_are(run_as_lithops, name):
    source, expected = PROGRAMS[name]
    assert run_as_lithops(source) == [line.strip() for line in expected.strip().splitlines()]
