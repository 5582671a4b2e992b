"""The examples, run as users run them: scripts in processes, the service over real HTTP."""

import asyncio
import collections
import os
import re
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import httpx
import pytest

from integration.serving import EXAMPLES, events, served
from support import scripts
from support.clock import BUSY, soon

TEXT = "one two two three three three\n"
BIG = 24  #: files of a job that takes seconds


@pytest.fixture
def root(tmp_path):
    """A folder with a few small files, one that is not text, and many large ones."""
    root = tmp_path / "root"
    (root / "small").mkdir(parents=True)
    for number in range(5):
        (root / "small" / f"{number}.py").write_text(TEXT * (number + 1))
    (root / "bad").mkdir()
    (root / "bad" / "good.py").write_text(TEXT)
    (root / "bad" / "broken.py").write_bytes(b"\xff\xfe\xff")
    (root / "empty").mkdir()
    (root / "outside").symlink_to("/")
    (root / "big").mkdir()
    first = root / "big" / "0.py"
    first.write_text(TEXT * 50_000)
    for number in range(1, BIG):
        (root / "big" / f"{number}.py").hardlink_to(first)
    return root


@pytest.fixture
def service(tmp_path, root):
    """The service, which must end in order."""
    with served(tmp_path, root) as service:
        yield service


@pytest.fixture
async def client(service):
    """A client of the service."""
    async with httpx.AsyncClient(base_url=service.address, timeout=BUSY) as client:
        yield client


async def start(client, **wanted):
    """Start a job; return its address."""
    answer = await client.post("/jobs", json=wanted)
    assert answer.status_code == 202, answer.text
    return answer.json()["url"]


async def follow(client, job, **headers):
    """Return all events of a job, up to its end."""
    async with client.stream("GET", f"{job}/events", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        return [event async for event in events(response)]


def by_kind(told):
    """Return the results and the end among some events."""
    results = [content for _, kind, content in told if kind == "result"]
    ends = [content for _, kind, content in told if kind == "end"]
    assert len(ends) == 1
    assert told[-1][1] == "end"
    return results, ends[0]


@pytest.mark.parametrize("script", ["identifiers.py", "sync_identifiers.py"])
def test_a_script_counts_identifiers(script):
    folder = Path(sysconfig.get_path("stdlib")) / "asyncio"
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script), str(folder)],
        capture_output=True,
        text=True,
        timeout=scripts.LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    *names, energy = done.stdout.splitlines()
    assert len(names) == 10
    counts = [int(line.split()[0].replace(",", "")) for line in names]
    assert counts == sorted(counts, reverse=True)
    assert names[0].split()[1] == "self"
    assert re.search(r"calls: .* J (estimated|measured) \(\w+\)", energy)


def test_a_script_counts_words_of_objects(tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "word_count.py")],
        capture_output=True,
        text=True,
        timeout=scripts.LIMIT,
        check=False,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 10
    assert ["24", "no"] in lines
    assert ["24", "she"] in lines


async def test_a_job_tells_results_progress_and_energy(client):
    job = await start(client, folder="small")
    results, end = by_kind(await follow(client, job))
    assert {result["name"]: result["words"] for result in results} == {
        f"{number}.py": 6 * (number + 1) for number in range(5)
    }
    assert [result["progress"]["total"] for result in results] == [5] * 5
    assert results[-1]["progress"]["finished"] == 5
    assert end["state"] == "done"
    assert end["result"] == {
        "lines": 15,
        "words": 90,
        "top": [["three", 45], ["two", 30], ["one", 15]],
    }
    energy = end["energy"]
    assert energy["kind"] in ("measured", "estimated")
    assert 0 <= energy["joules_low"] <= energy["joules"] <= energy["joules_high"]
    assert (await client.get(job)).json() == end


async def test_lines_are_counted_too(client):
    job = await start(client, lines=["a b b"] * 50)
    results, end = by_kind(await follow(client, job))
    assert sorted(result["lines"] for result in results) == [10, 20, 20]
    assert end["result"]["top"] == [["b", 100], ["a", 50]]


async def test_an_error_of_a_call_is_shown(client):
    job = await start(client, folder="bad")
    results, end = by_kind(await follow(client, job))
    assert len(results) == 2
    assert end["state"] == "done"
    assert end["progress"]["failed"] == 1
    assert end["result"]["words"] == 6
    (error,) = end["errors"]
    assert error["name"] == "broken.py"
    assert error["error"].startswith("UnicodeDecodeError: ")


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"folder": "small", "lines": ["a"]},
        {"folder": "no-such"},
        {"folder": "empty"},
        {"folder": ".."},
        {"folder": "outside"},
        {"folder": "/"},
        {"folder": "small\0"},
        {"folder": 7},
        {"lines": []},
        {"lines": "text"},
        {"lines": ["x" * 10_001]},
    ],
    ids=lambda wanted: str(wanted)[:30],
)
async def test_what_cannot_be_counted_is_refused(client, wanted):
    answer = await client.post("/jobs", json=wanted)
    assert answer.status_code == 422
    assert answer.json()["detail"]


async def test_unknown_jobs_are_not_found(client):
    for method, path in (("GET", ""), ("GET", "/events"), ("DELETE", "")):
        assert (await client.request(method, f"/jobs/none{path}")).status_code == 404


async def test_cancelling_ends_the_job_and_its_streams(client):
    job = await start(client, folder="big")
    async with soon():
        listening = asyncio.create_task(follow(client, job))
        while (await client.get(job)).json()["progress"]["done"] == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # as a client that does not listen would do
        state = (await client.get(job)).json()
        assert state["state"] == "running"
        assert state["energy"] is not None
        answer = await client.delete(job)
        assert answer.status_code == 200
        results, end = by_kind(await listening)
    assert answer.json() == end == (await client.get(job)).json()
    assert end["state"] == "cancelled"
    assert 0 < len(results) == end["progress"]["done"] < BIG
    assert end["progress"]["cancelled"] == BIG - len(results)
    assert (await client.delete(job)).json() == end


async def test_two_clients_with_several_listeners(client, service):
    async with httpx.AsyncClient(base_url=service.address, timeout=20) as other:
        one, two = await asyncio.gather(
            start(client, folder="small"), start(other, lines=["x y"] * 100)
        )
        told = await asyncio.gather(
            follow(client, one), follow(other, one), follow(client, two), follow(other, two)
        )
    assert told[0] == told[1]
    assert told[2] == told[3]
    assert by_kind(told[0])[1]["result"]["words"] == 90
    assert by_kind(told[2])[1]["result"]["words"] == 200


async def test_late_and_returning_listeners_miss_nothing(client):
    job = await start(client, folder="small")
    first = await follow(client, job)
    assert [number for number, _, _ in first] == list(range(1, 7))
    assert await follow(client, job) == first
    assert await follow(client, job, **{"Last-Event-ID": "4"}) == first[4:]


async def test_a_listener_that_leaves_disturbs_nobody(client):
    job = await start(client, folder="big")
    staying = asyncio.create_task(follow(client, job))
    async with client.stream("GET", f"{job}/events") as response:
        async for _ in events(response):
            break
    results, end = by_kind(await staying)
    assert len(results) == BIG
    assert end["state"] == "done"


async def test_finished_jobs_are_forgotten_some_time(client):
    jobs = []
    for _ in range(22):
        jobs.append(await start(client, lines=["a"]))
        await follow(client, jobs[-1])
    found = [(await client.get(job)).status_code for job in jobs]
    assert collections.Counter(found) == {404: 2, 200: 20}
    assert found[:2] == [404, 404]


async def test_too_many_jobs_at_once_are_refused(client):
    jobs = [await start(client, folder="big") for _ in range(8)]
    answer = await client.post("/jobs", json={"lines": ["a"]})
    assert answer.status_code == 429
    assert answer.headers["retry-after"]
    for job in jobs:
        assert (await client.delete(job)).json()["state"] == "cancelled"
    await start(client, lines=["a"])


async def test_the_page_needs_nothing_from_elsewhere(client):
    answer = await client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert not re.search(r"(src|href)=.?(https?:)?//", answer.text)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=str)
async def test_shutting_down_leaves_no_process(client, service, number):
    job = await start(client, folder="big")
    async with client.stream("GET", f"{job}/events") as response:
        async for _ in events(response):
            break
        seconds = await asyncio.to_thread(service.stop, number)
    # Workers that stay behind are found by the check that follows every test.
    assert seconds < BUSY
