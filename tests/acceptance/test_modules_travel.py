"""The user's own modules travel by value: edited, reloaded, deleted or made at run time."""

# ruff: noqa: PLC0415 - functions that run in workers import what they need there

import importlib
import os
import sys
import textwrap
import types

import pytest

import greenlithops as gl
from support.clock import soon


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder on the path; what is imported from it is forgotten at the end."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def write(folder, name, source):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(source))
    importlib.invalidate_caches()


SHAPES = """
    UNIT = 2

    class Point:
        kind = "point"

        def __init__(self, x):
            self.x = x

        def norm(self):
            return abs(self.x) * UNIT

        def __eq__(self, other):
            return isinstance(other, Point) and self.x == other.x

    class Bad(Exception):
        pass

    def make(x):
        return Point(x)

    def check(point):
        return isinstance(point, Point) and type(point) is Point and point.norm()

    def fail(x):
        raise Bad(x)
"""


async def test_instances_keep_their_class_on_both_sides(executor, folder):
    write(folder, "gl_shapes.py", SHAPES)
    shapes = importlib.import_module("gl_shapes")
    assert await executor.map(shapes.check, [shapes.Point(3), shapes.Point(-4)]) == [6, 8]
    points = await executor.map(shapes.make, range(3))
    assert [type(point) is shapes.Point for point in points] == [True] * 3
    assert points == [shapes.Point(n) for n in range(3)]
    again = await executor.submit(lambda points: points, points)
    assert type(again[0]) is shapes.Point
    assert await executor.submit(shapes.check, again[2]) == 4
    with pytest.raises(shapes.Bad) as caught:
        await executor.submit(shapes.fail, 7)
    assert type(caught.value) is shapes.Bad


async def test_a_class_that_came_back_is_as_it_was(executor, folder):
    """Rebuilding results may not replace the methods of the class that is here."""
    write(folder, "gl_shapes2.py", SHAPES)
    shapes = importlib.import_module("gl_shapes2")
    norm, equal = shapes.Point.norm, shapes.Point.__eq__
    await executor.map(shapes.make, range(3))
    shapes.Point.kind = "changed here"
    await executor.map(shapes.make, range(3))
    assert shapes.Point.kind == "changed here"
    assert shapes.Point.norm is norm
    assert shapes.Point.__eq__ is equal


async def test_a_module_that_was_edited_and_reloaded(executor, folder):
    write(
        folder,
        "gl_edited.py",
        "VERSION = 1\ndef tell(_): return VERSION, helper()\ndef helper(): return 'a'\n",
    )
    module = importlib.import_module("gl_edited")
    assert await executor.map(module.tell, [0]) == [(1, "a")]
    write(
        folder,
        "gl_edited.py",
        "VERSION = 22\ndef tell(_): return VERSION, helper()\ndef helper(): return 'b'\n",
    )
    importlib.reload(module)
    assert await executor.map(module.tell, [0]) == [(22, "b")]
    module.VERSION = 333
    assert await executor.map(module.tell, [0]) == [(333, "b")]
    module.helper = lambda: "c"
    assert await executor.map(module.tell, [0]) == [(333, "c")]


async def test_a_module_whose_file_is_gone(executor, folder):
    write(folder, "gl_gone.py", "def tell(): return 'still here'\n")
    module = importlib.import_module("gl_gone")
    (folder / "gl_gone.py").unlink()
    assert await executor.submit(module.tell) == "still here"


async def test_a_package_with_submodules(executor, folder):
    write(folder, "gl_pack/__init__.py", "from gl_pack.upper import shout\nNAME = 'pack'\n")
    write(
        folder,
        "gl_pack/upper.py",
        "from gl_pack import lower\ndef shout(x): return lower.low(x).upper()\n",
    )
    write(folder, "gl_pack/lower.py", "from . import deep\ndef low(x): return deep.star.STAR + x\n")
    write(folder, "gl_pack/deep/__init__.py", "from . import star\n")
    write(folder, "gl_pack/deep/star.py", "STAR = '*'\n")
    package = importlib.import_module("gl_pack")
    assert await executor.submit(package.shout, "ab") == "*AB"

    def use(x):
        import gl_pack.lower

        return gl_pack.NAME, gl_pack.lower.low(x), package.shout(x)

    assert await executor.submit(use, "c") == ("pack", "*c", "*C")


async def test_modules_made_at_run_time(executor):
    for number in range(3):
        name = f"gl_made_{number}"
        module = types.ModuleType(name)
        exec(f"def tell(): return inner() + {number}\ndef inner(): return 10", module.__dict__)
        sys.modules[name] = module
        try:
            assert await executor.submit(module.tell) == 10 + number
        finally:
            # The number of modules stays the same from one round to the next.
            del sys.modules[name]


async def test_a_local_module_that_replaces_another_one(executor, folder):
    """As many modules as before, but not the same ones."""
    write(folder, "gl_first.py", "def tell(): return 'first'\n")
    write(
        folder,
        "gl_second.py",
        "import threading\nLOCK = threading.Lock()\ndef tell(): return 'second'\n",
    )
    first = importlib.import_module("gl_first")
    assert await executor.submit(first.tell) == "first"
    del sys.modules["gl_first"]
    second = importlib.import_module("gl_second")
    (folder / "gl_second.py").unlink()
    assert await executor.submit(second.tell) == "second"


async def test_functions_that_are_local_to_a_module_without_a_place(executor):
    space = {"__name__": "gl_nowhere"}
    exec("K = 5\ndef tell(n): return inner(n) + K\ndef inner(n): return n * 2", space)
    assert await executor.submit(space["tell"], 4) == 13


async def test_a_module_that_holds_what_cannot_be_pickled(executor, folder):
    write(
        folder,
        "gl_locked.py",
        """
        import threading
        LOCK = threading.Lock()
        def tell(n):
            with LOCK:
                return n + 1
        """,
    )
    module = importlib.import_module("gl_locked")
    assert await executor.map(module.tell, range(3)) == [1, 2, 3]


async def test_an_installed_module_is_imported_there(executor):
    import json

    def where():
        import json as there

        return there.__file__, os.getpid()

    assert (await executor.submit(where))[0] == json.__file__
    assert await executor.submit(json.dumps, {"a": 1}) == '{"a": 1}'


async def test_data_classes_enums_and_named_tuples_of_local_modules(executor, folder):
    write(
        folder,
        "gl_kinds.py",
        """
        import collections, dataclasses, enum, typing

        class Colour(enum.Enum):
            RED = 1
            BLUE = 2

        class Flag(enum.IntFlag):
            A = 1
            B = 2

        @dataclasses.dataclass(frozen=True, slots=True)
        class Data:
            colour: Colour
            number: int = 3

        Pair = collections.namedtuple("Pair", "left right")

        class Typed(typing.NamedTuple):
            one: int

        class Child(Data):
            pass

        def echo(value):
            known = (Colour, Flag, Data, Pair, Typed)
            assert isinstance(value, known), type(value)
            if isinstance(value, Colour):
                assert value is Colour.RED
            return value
        """,
    )
    kinds = importlib.import_module("gl_kinds")
    values = [
        kinds.Colour.RED,
        kinds.Flag.A | kinds.Flag.B,
        kinds.Data(kinds.Colour.BLUE),
        kinds.Child(kinds.Colour.RED, 5),
        (kinds.Pair(1, 2),),
        (kinds.Typed(5),),
    ]
    expected = [value[0] if type(value) is tuple else value for value in values]
    async with soon(5):
        found = await executor.map(kinds.echo, values)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]
    assert found[0] is kinds.Colour.RED
    assert found[2].colour is kinds.Colour.BLUE


async def test_two_executors_may_have_two_versions_of_a_module(folder):
    write(folder, "gl_versions.py", "def tell(): return 'old'\n")
    module = importlib.import_module("gl_versions")
    old = module.tell
    write(folder, "gl_versions.py", "def tell(): return 'new!'\n")
    importlib.reload(module)
    async with gl.AsyncExecutor(max_workers=1) as executor:
        assert await executor.submit(module.tell) == "new!"
        assert await executor.submit(old) == "old"
        assert await executor.submit(module.tell) == "new!"
