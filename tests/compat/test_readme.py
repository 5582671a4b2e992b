"""The kinds of programs that Lithops' own page begins with, unmodified under the switch."""

import pytest

from support import scripts

PROGRAMS = {
    "one call": (
        """
        from lithops import FunctionExecutor

        def greet(name):
            return f"Good morning, {name}"

        if __name__ == "__main__":
            with FunctionExecutor() as fexec:
                f = fexec.call_async(greet, "you")
                print(f.result())
        """,
        "Good morning, you",
    ),
    "many calls": (
        """
        from lithops import FunctionExecutor

        def triple(i):
            return i * 3

        if __name__ == "__main__":
            with FunctionExecutor() as fexec:
                f = fexec.map(triple, [1, 2, 3])
                print(f.result())
        """,
        "[3, 6, 9]",
    ),
    "without with": (
        """
        import lithops

        def add(x, y):
            return x + y

        fexec = lithops.FunctionExecutor()
        fexec.map(add, [(1, 2), (3, 4)])
        print(fexec.get_result())
        fexec.map_reduce(lambda x: x + 1, range(3), lambda results: sum(results))
        print(fexec.get_result())
        """,
        "[3, 7]\n6",
    ),
    "processes": (
        """
        from lithops.multiprocessing import Pool

        def triple(i):
            return i * 3

        if __name__ == "__main__":
            with Pool() as pool:
                print(pool.map(triple, [1, 2, 3]))
        """,
        "[3, 6, 9]",
    ),
    "objects": (
        """
        from lithops import Storage

        if __name__ == "__main__":
            st = Storage()
            st.put_object(bucket="storage", key="some.txt", body="words")
            print(st.get_object(bucket="storage", key="some.txt"))
        """,
        "b'words'",
    ),
    "files over objects": (
        """
        from lithops.storage.cloud_proxy import os

        if __name__ == "__main__":
            path = "here/some.txt"
            with os.open(path, "w") as f:
                f.write("words")
            print(os.listdir(os.path.dirname(path)))
            os.remove(path)
        """,
        "['some.txt']",
    ),
    "several executors": (
        """
        import lithops
        from lithops.wait import ANY_COMPLETED, get_result, wait

        def same(x):
            return x

        if __name__ == "__main__":
            one, two = lithops.LocalhostExecutor(), lithops.FunctionExecutor(backend="localhost")
            futures = one.map(same, [1, 2]) + two.map(same, [3])
            done, pending = wait(futures, return_when=ANY_COMPLETED)
            print(len(done) >= 1, get_result(futures))
        """,
        "True [1, 2, 3]",
    ),
    "joules, with a default for what is not known": (
        """
        from lithops import FunctionExecutor

        def work(n):
            return sum(i * i for i in range(n))

        if __name__ == "__main__":
            with FunctionExecutor() as fexec:
                future = fexec.call_async(work, 100_000)
                future.result()
                stats = future.stats
                print("worker_func_energy_cores" in stats, stats.get("worker_func_sent_net_io"))
                for name in ("energy_pkg", "energy_cores", "energy_duration", "sent_net_io"):
                    float(f"{stats.get('worker_func_' + name, 0):.6f}")
        """,
        "True None",
    ),
    "joblib": (
        """
        import joblib
        from joblib import Parallel, delayed
        from lithops.util.joblib import register_lithops

        def triple(i):
            return i * 3

        if __name__ == "__main__":
            register_lithops()
            with joblib.parallel_config(backend="lithops", n_jobs=2):
                print(Parallel()(delayed(triple)(i) for i in range(3)))
        """,
        "[0, 3, 6]",
    ),
    "a chain": (
        """
        import lithops

        def more(x):
            return x + 1

        if __name__ == "__main__":
            fexec = lithops.FunctionExecutor()
            print(fexec.map(more, [1, 2]).map(more).map(more).get_result())
        """,
        "[4, 5]",
    ),
    "reserved parameters": (
        """
        import lithops

        def keep(number, id, storage):
            key = f"number-{id}"
            storage.put_object("storage", key, str(number))
            return key, storage.get_object("storage", key)

        if __name__ == "__main__":
            fexec = lithops.FunctionExecutor()
            print(fexec.map(keep, [7, 8]).get_result())
        """,
        "[('number-0', b'7'), ('number-1', b'8')]",
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_of_lithops_run_as_they_are(tmp_path, monkeypatch, name):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".lithops").mkdir()
    root = tmp_path / "objects"
    (tmp_path / ".lithops" / "config").write_text(f"localhost: {{root: {root}, max_workers: 2}}\n")
    source, expected = PROGRAMS[name]
    path = scripts.write(tmp_path, source, "program.py")
    starter = f"""
    import sys
    from greenlithops.as_lithops.script import run_script
    run_script({str(path)!r}, [])
    """
    assert scripts.run(tmp_path, starter).strip() == expected
