"""Ctrl-C at every moment of a blocking call: it is told, and the executor goes on afterwards."""

import pytest

from support import scripts

# Python looks for signals when a function begins and when one written in C has returned; a profile
# function, which is called at just these moments, may raise what a signal would.
PROGRAM = """
    import os, sys
    import greenlithops as gl

    PLACES = [os.path.join("greenlithops", "sync", ""), os.path.join("asyncio", "")]

    def same(x):
        return x

    def interrupted(nth):
        count = 0

        def look(frame, event, _):
            nonlocal count
            if event in {"call", "c_return"} and any(p in frame.f_code.co_filename for p in PLACES):
                count += 1
                if count == nth:
                    sys.setprofile(None)
                    raise KeyboardInterrupt

        sys.setprofile(look)
        try:
            work()
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
        return count >= nth  # Python lets nothing out of what it calls when an object goes

    def submit():
        assert executor.submit(same, 1).result() == 1

    def pool_map():
        assert list(executor.map(same, range(3))) == [0, 1, 2]

    def lithops_map():
        assert executor.get_result(executor.map(same, [1, 2])) == [1, 2]

    if __name__ == "__main__":
        kind = gl.FunctionExecutor if sys.argv[1] == "lithops_map" else gl.PoolExecutor
        with kind(max_workers=1) as executor:
            work = globals()[sys.argv[1]]
            work()
            moments = 1
            while interrupted(moments):
                work()
                moments += 1
        print(moments)
"""


@pytest.mark.parametrize("work", ["submit", "pool_map", "lithops_map"])
def test_a_call_that_was_interrupted_leaves_the_next_ones_as_they_were(tmp_path, work):
    assert int(scripts.run(tmp_path, PROGRAM, work)) > 20
