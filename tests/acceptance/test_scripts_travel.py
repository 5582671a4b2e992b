"""What scripts, prompts and standard input define travels as well."""

import subprocess
import sys
import textwrap

import pytest

from support import scripts

SCRIPT = """
    import asyncio
    import greenlithops as gl

    FACTOR = 3

    class Point:
        def __init__(self, x):
            self.x = x
        def __eq__(self, other):
            return type(other) is Point and other.x == self.x
        def double(self):
            return Point(2 * self.x)

    class Trouble(Exception):
        pass

    def helper(n):
        return n * FACTOR

    def work(n):
        return helper(n)

    def move(point):
        assert isinstance(point, Point), type(point)
        return point.double()

    def fail(n):
        raise Trouble(n)

    async def later(n):
        return helper(n)

    async def main():
        async with gl.AsyncExecutor(max_workers=2) as executor:
            print(await executor.map(work, range(4)))
            print(await executor.map(later, range(4)))
            moved = await executor.map(move, [Point(1), Point(2)])
            print(moved == [Point(2), Point(4)], type(moved[0]) is Point)
            try:
                await executor.submit(fail, 5)
            except Trouble as error:
                print("Trouble", error)
"""
PRINTED = ["[0, 3, 6, 9]", "[0, 3, 6, 9]", "True True", "Trouble 5"]


def test_what_a_script_defines_travels(tmp_path):
    script = textwrap.dedent(SCRIPT) + "\nif __name__ == '__main__':\n    asyncio.run(main())\n"
    assert scripts.run(tmp_path, script).splitlines() == PRINTED


def test_a_script_without_a_guard_runs_once(tmp_path):
    script = textwrap.dedent(SCRIPT) + "\nasyncio.run(main())\n"
    assert scripts.run(tmp_path, script).splitlines() == PRINTED


@pytest.mark.parametrize("flags", [["-i", "-q"], ["-"], ["-c"]])
def test_what_a_prompt_or_standard_input_defines_travels(tmp_path, flags):
    source = textwrap.dedent(SCRIPT)
    if flags[0] == "-c":
        command, given = [sys.executable, "-c", source + "\nasyncio.run(main())"], ""
    else:
        # A prompt ends a block at an empty line, and needs one there.
        blocks = source.replace("\n\n", "\n").replace("\nclass ", "\n\nclass ")
        blocks = blocks.replace("\ndef ", "\n\ndef ").replace("\nasync def ", "\n\nasync def ")
        command, given = [sys.executable, *flags], blocks + "\n\nasyncio.run(main())\n"
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, cwd=tmp_path, timeout=30, check=False
    )
    assert [line for line in done.stdout.splitlines() if line] == PRINTED, done.stderr


def test_a_loop_of_uvloop_does_as_well(tmp_path):
    script = textwrap.dedent(SCRIPT) + "\nimport uvloop\nuvloop.run(main())\n"
    assert scripts.run(tmp_path, script).splitlines() == PRINTED
