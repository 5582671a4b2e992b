"""A client that is killed takes its workers with it, whatever they do."""

import os
import signal

import pytest

from support import scripts
from support.clock import SOON

PROGRAM = """
    import asyncio, os, re, subprocess, sys, time
    import greenlithops as gl

    def note(pid):
        with open(sys.argv[1], "a") as file:
            print(pid, file=file, flush=True)

    def idle():
        note(os.getpid())

    def python():
        note(os.getpid())
        while True: pass

    def lock():
        note(os.getpid())
        re.match(r"(a+)+$", "a" * 60 + "b")

    def sleep():
        note(os.getpid())
        time.sleep(600)

    def grandchildren():
        note(os.getpid())
        note(subprocess.Popen(["sleep", "600"]).pid)
        note(subprocess.Popen("trap '' TERM HUP INT; sleep 600; true", shell=True).pid)
        if not os.fork():
            note(os.getpid())
            while True: pass
        time.sleep(600)

    def nested():
        note(os.getpid())
        async def inner():
            async with gl.AsyncExecutor(max_workers=1) as executor:
                await executor.submit(python)
        asyncio.run(inner())

    async def coroutine():
        note(os.getpid())
        await asyncio.sleep(600)

    async def main():
        kind, expected = sys.argv[2], int(sys.argv[3])
        async with gl.AsyncExecutor(max_workers=2) as executor:
            call = executor.submit(globals()[kind])
            if kind == "idle":
                await call
            while not os.path.exists(sys.argv[1]) or len(open(sys.argv[1]).readlines()) < expected:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            print("ready", flush=True)
            await asyncio.sleep(600)

    if __name__ == "__main__":
        asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("kind", "processes"),
    [
        ("idle", 1),
        ("python", 1),
        ("lock", 1),
        ("sleep", 1),
        ("coroutine", 1),
        ("grandchildren", 4),
        ("nested", 2),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_client_that_is_killed_leaves_no_orphan(tmp_path, kind, processes, number):
    process = scripts.start(tmp_path, PROGRAM, tmp_path / "pids", kind, processes)
    assert scripts.line(process) == "ready"
    os.kill(process.pid, number)
    process.wait(scripts.LIMIT)
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert len(pids) == processes
    assert scripts.gone(pids, SOON) == []
    process.communicate(timeout=scripts.LIMIT)


def test_a_client_that_exits_without_leaving_takes_its_workers_with_it(tmp_path):
    source = PROGRAM.replace("await asyncio.sleep(600)\n\n    if", "os._exit(0)\n\n    if")
    process = scripts.start(tmp_path, source, tmp_path / "pids", "python", 1)
    scripts.finish(process)
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert scripts.gone(pids, SOON) == []


def test_a_loop_that_is_dropped_takes_its_workers_with_it(tmp_path):
    """The program goes on, but nobody can ever leave the executor."""
    out = scripts.run(
        tmp_path,
        """
        import asyncio, gc, os, time, warnings
        import greenlithops as gl
        warnings.simplefilter("ignore")

        async def main():
            executor = await gl.AsyncExecutor(max_workers=1).__aenter__()
            return await executor.submit(os.getpid)

        if __name__ == "__main__":
            loop = asyncio.new_event_loop()
            pid = loop.run_until_complete(main())
            loop.close()
            print(pid)
        """,
    )
    assert scripts.gone([int(out)], SOON) == []


def test_a_forked_child_keeps_no_worker_and_may_not_use_the_executor(tmp_path):
    out = scripts.run(
        tmp_path,
        """
        import asyncio, os
        import greenlithops as gl
        from greenlithops.errors import ForkedError

        async def main():
            async with gl.AsyncExecutor(max_workers=1) as executor:
                assert await executor.submit(abs, -3) == 3
                if not os.fork():
                    try:
                        executor.submit(abs, -3)
                    except ForkedError as error:
                        print(type(error).__name__, flush=True)
                    os._exit(0)
                os.wait()
                assert await executor.submit(abs, -4) == 4
                print("the parent goes on")

        if __name__ == "__main__":
            asyncio.run(main())
        """,
    )
    assert out.splitlines() == ["ForkedError", "the parent goes on"]
