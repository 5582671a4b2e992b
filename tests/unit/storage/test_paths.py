"""Any key becomes a path that stays below its folder, is short enough, and is no other key's."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from greenlithops.backends.storage.memory import MemoryStorage
from greenlithops.backends.storage.paths import path_of, step_back
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
