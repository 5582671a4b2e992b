"""Managers: shared containers, and objects of one's own."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import greenlithops.multiprocessing as mp
from greenlithops.errors import StateLost
from greenlithops.multiprocessing import keys
from greenlithops.multiprocessing.managers import BaseManager, MakeProxyType
from support.scripts import LIMIT


class Counter:
    def __init__(self, number=0):
        self.number = number
        self.log = []

    def add(self, by=1):
        self.number += by
        return self.number

    def fail(self):
        self.number += 100
        raise LookupError("after the change")

    def get_log(self):
        return self.log


class Own(BaseManager):
    pass


Own.register("Counter", Counter)
Own.register("Narrow", Counter, exposed=("add",))
Own.register("Typed", Counter, proxytype=MakeProxyType("Typed", ("add", "get_log")))


@pytest.fixture
def manager():
    with mp.Manager() as manager:
        yield manager


def fill(words, numbers, space, counter, times):
    for number in range(times):
        words[number] = number
        numbers.append(number)
        counter.add()
    space.done = True


def test_processes_share_what_a_manager_makes(manager):
    words, numbers, space = manager.dict(), manager.list(), manager.Namespace(done=False)
    with Own() as own:
        counter = own.Counter(1)
        arguments = (words, numbers, space, counter, 10)
        processes = [mp.Process(target=fill, args=arguments) for _ in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(LIMIT)
            assert process.exitcode == 0
            process.close()
        assert counter.add(0) == 31
    assert words.copy() == {n: n for n in range(10)}
    assert sorted(numbers) == sorted(list(range(10)) * 3)
    assert space.done


def test_a_dictionary_is_as_python_has_it(manager):
    shared, plain = manager.dict({1: "a"}, x=2), dict({1: "a"}, x=2)
    keys_ = [None, "x", 1, 1.0, True, 2.5, b"x", (1, ("z", None)), frozenset({1, 2}), "", -0.0, 0]
    dice = random.Random(7)
    for step in range(200):
        key = dice.choice(keys_)
        what = dice.randrange(6)
        if what < 3:
            shared[key] = plain[key] = step
        elif what == 3:
            assert shared.pop(key, "none") == plain.pop(key, "none")
        elif what == 4:
            assert shared.setdefault(key, step) == plain.setdefault(key, step)
        else:
            assert (key in shared, shared.get(key)) == (key in plain, plain.get(key))
    assert list(shared.items()) == list(plain.items()), "the order, too"
    assert [type(key) for key in shared] == [type(key) for key in plain]
    assert len(shared) == len(plain)
    assert shared.values() == list(plain.values())
    assert str(shared) == str(plain)
    assert shared.popitem() == plain.popitem()
    assert shared | {"more": 1} == plain | {"more": 1}
    shared.clear()
    assert shared.copy() == {}
    for call in (lambda: shared["x"], shared.popitem, lambda: shared.pop(5)):
        with pytest.raises(KeyError):
            call()
    with pytest.raises(KeyError):
        del shared["x"]
    with pytest.raises(TypeError, match="unhashable"):
        shared[[]] = 1


def test_a_list_is_as_python_has_it(manager):  # noqa: C901 - one branch for each operation
    shared, plain = manager.list(range(5)), list(range(5))
    dice = random.Random(3)
    for step in range(150):
        at = dice.randrange(-len(plain), len(plain)) if plain else 0
        what = dice.randrange(9)
        for target in (shared, plain):
            if what < 2 or not plain:
                target.append(step)
            elif what == 2:
                target[at] = step
            elif what == 3:
                target.insert(at, step)
            elif what == 4:
                assert target.pop(at) is not None
            elif what == 5:
                target[at : at + 2] = [step] * 3
            elif what == 6:
                target.reverse()
            elif what == 7:
                target.extend([step, step])
            else:
                del target[at]
    assert list(shared) == plain
    assert (shared[2], shared[-1], shared[1:-1:2]) == (plain[2], plain[-1], plain[1:-1:2])
    shared.sort(reverse=True)
    plain.sort(reverse=True)
    assert shared.tolist() == plain
    assert (shared.count(plain[0]), shared.index(plain[3])) == (
        plain.count(plain[0]),
        plain.index(plain[3]),
    )
    assert plain[0] in shared
    assert shared + [1] == [*plain, 1]  # noqa: RUF005 - the operator is what is tested
    assert shared * 2 == 2 * plain
    shared *= 2
    shared += [5]
    assert len(shared) == 2 * len(plain) + 1
    shared.remove(5)
    with pytest.raises(ValueError, match="not in list"):
        shared.remove("x")
    for call in (lambda: shared[10**6], lambda: shared.pop(10**6)):
        with pytest.raises(IndexError):
            call()


def test_proxies_within_proxies(manager):
    outer, inner = manager.dict(), manager.list()
    outer["inner"] = inner
    outer["inner"].append(outer)
    assert inner[0]["inner"][0] == outer


def test_namespaces(manager):
    space = manager.Namespace(x=1)
    space.y = [2]
    assert (space.x, space.y) == (1, [2])
    del space.x
    with pytest.raises(AttributeError, match="no attribute 'x'"):
        space.x  # noqa: B018 - the attribute is what is tested
    with pytest.raises(AttributeError):
        del space.x
    assert str(space) == "Namespace(y=[2])"


def test_objects_of_ones_own():
    with Own() as own:
        counter = own.Counter(5)
        assert counter.add(2) == 7
        with pytest.raises(LookupError, match="after"):
            counter.fail()
        assert counter.add(0) == 107, "what a method did before it failed stays"
        with pytest.raises(AttributeError, match="exposed"):
            own.Narrow().get_log()
        typed = own.Typed(1)
        assert (typed.add(), typed.get_log()) == (2, [])
        assert typed._getvalue().number == 2


def test_the_life_of_a_manager():
    manager = mp.SyncManager()
    with pytest.raises(AssertionError, match="not yet started"):
        manager.dict()
    begun = []
    manager.start(begun.append, ("x",))
    assert begun == ["x"]
    with pytest.raises(mp.ProcessError, match="started"):
        manager.start()
    shared = manager.dict(a=1)
    manager.shutdown()
    with pytest.raises(StateLost):
        shared["a"] = 2
    with pytest.raises(AssertionError, match="shut down"):
        manager.list()
    manager.join()


def test_the_other_things_that_a_manager_makes(manager):
    value, array = manager.Value("i", 3), manager.Array("i", [1, 2])
    value.value += 1
    array[0] = 5
    assert (value.get(), array[:]) == (4, [5, 2])
    queue, lock, event = manager.Queue(2), manager.Lock(), manager.Event()
    queue.put(1)
    event.set()
    assert (queue.get(), lock.acquire(), event.wait()) == (1, True, True)
    lock.release()
    assert manager.Barrier(1).wait() == 0
    with manager.Condition() as taken:
        assert taken
    with manager.Pool(1) as pool:
        assert pool.apply(abs, (-1,)) == 1
    pool.join()


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary()
)
anything = st.recursive(
    scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner), max_leaves=5
)


@given(anything, anything)
def test_keys_are_the_same_bytes_exactly_when_they_are_equal(one, other):
    first, second = keys.canonical(one), keys.canonical(other)
    assert (first[0] == second[0]) == (one == other)
    if first[1]:
        assert keys.exact(first[0]) == one
        assert type(keys.exact(first[0])) is type(one)
