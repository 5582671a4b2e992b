"""Any key becomes a path that stays below its folder, is short enough, and is no other key's."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from greenlithops.backends.storage.memory import MemoryStorage
from greenlithops.backends.storage.paths import path_of, step_back
from greenlithops.backends.storage.walk import keys as keys_below
from greenlithops.storage.async_storage import AsyncStorage

KEYS = st.text(
    st.one_of(
        st.sampled_from("/.%+ma"), st.characters(exclude_categories=["Cs"], exclude_characters="")
    ),
    min_size=1,
    max_size=400,
)


def back(path):
    return "".join(step_back(step)[0] for step in path.split("/"))


@given(KEYS)
@example("n" * 200 + ".")
@example("n" * 200 + "..")
def test_a_path_stands_for_its_key_alone(key):
    path = path_of(key)
    assert back(path) == key
    steps = path.split("/")
    assert all(0 < len(step.encode()) <= 250 for step in steps)
    assert not {".", ".."} & set(steps)
    assert not path.startswith("/")
    assert "\0" not in path
    folders = [step_back(step)[1] for step in steps]
    assert folders == [True] * (len(steps) - 1) + [False]


LONG = st.builds(
    lambda length, end: "n" * length + end,
    st.integers(197, 202),
    st.text("n/!\u00e9.", max_size=4),
)


@given(st.lists(st.one_of(LONG, KEYS), unique=True, max_size=12))
@example(["n" * 200 + end for end in ("", "z", "/x", "n", "!x", "\u00e9")])
@example(["n" * 199 + "\u00e9", "n" * 200])
def test_files_are_found_in_the_order_of_their_keys(keys):
    with tempfile.TemporaryDirectory() as folder:
        paths = {Path(folder, path_of(key)): key for key in keys}
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        wanted = sorted(keys, key=str.encode)
        found = [(key, paths[Path(entry)]) for key, entry in keys_below(folder, "", "", "")]
        assert found == [(key, key) for key in wanted]
        for key in keys:
            after = [later for later, _ in keys_below(folder, "", "", key)]
            assert after == wanted[wanted.index(key) + 1 :]


@given(st.lists(st.text("ab/.0", min_size=1, max_size=6), unique=True), st.text("ab/", max_size=3))
def test_listings_are_what_sorting_gives(keys, prefix):
    async def listed(**query):
        storage = AsyncStorage(MemoryStorage(f"listing {id(keys)}"))
        await storage.create_bucket("bucket")
        for key in keys:
            await storage.put("bucket", key, b"")
        entries = [entry async for entry in storage.list("bucket", prefix, **query)]
        await storage.delete_many("bucket", keys)
        return [entry if isinstance(entry, str) else entry.key for entry in entries]

    wanted = sorted(key for key in keys if key.startswith(prefix))
    assert asyncio.run(listed()) == wanted
    rolled = [
        key[: len(prefix)] + key[len(prefix) :].partition("/")[0] + "/"
        if "/" in key[len(prefix) :]
        else key
        for key in wanted
    ]
    assert asyncio.run(listed(delimiter="/")) == sorted(set(rolled))
