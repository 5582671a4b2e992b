"""The backend for joblib, and scikit-learn's searches on it."""

import gc
import multiprocessing
import os
import pickle
import time
import weakref

import joblib
import numpy as np
import pytest
import threadpoolctl
from joblib import Parallel, delayed, parallel_config
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.svm import SVC

import greenlithops.joblib as backend
from support.clock import BUSY

backend.register()

#: workers import what this module imports, which takes seconds of a machine that is not busy
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def two_workers(tmp_path):
    with parallel_config(backend="greenlithops", n_jobs=2, temp_folder=str(tmp_path)):
        yield
    backend.forget()
    assert list(tmp_path.iterdir()) == [], "files of arrays are removed"


def square(x):
    return x * x


def place(array, index):
    return float(array[index]), type(array).__name__, array.flags.writeable, os.getpid()


def fail(x):
    raise LookupError(x)


def nested(count):
    return sum(Parallel(n_jobs=2)(delayed(square)(i) for i in range(count)))


def test_results_come_in_order_however_small_the_calls():
    assert Parallel()(delayed(square)(i) for i in range(500)) == [i * i for i in range(500)]
    assert Parallel()(delayed(lambda x: x + 1)(i) for i in range(3)) == [1, 2, 3]


@pytest.mark.parametrize("kind", ["generator", "generator_unordered"])
def test_results_as_they_come(kind):
    found = list(Parallel(return_as=kind)(delayed(square)(i) for i in range(20)))
    assert (found if kind == "generator" else sorted(found)) == [i * i for i in range(20)]


def test_large_arrays_are_mapped_and_small_ones_travel():
    large, small = np.arange(300_000.0), np.arange(10.0)
    found = Parallel()(delayed(place)(large, i) for i in range(4))
    assert [entry[:3] for entry in found] == [(float(i), "memmap", False) for i in range(4)]
    assert all(entry[3] != os.getpid() for entry in found)
    assert Parallel()([delayed(place)(small, 3)])[0][1] == "ndarray"
    for other in (np.asfortranarray(np.ones((400, 500))), large.reshape(2, -1)[:, ::2]):
        assert Parallel()([delayed(np.sum)(other)]) == [other.sum()]
    objects = np.array([{}] * 200_000, dtype=object)
    assert Parallel()([delayed(len)(objects)]) == [200_000]


def test_the_first_error_is_raised_and_the_next_call_works():
    with pytest.raises(LookupError):
        Parallel()(delayed(fail)(i) for i in range(10))
    assert Parallel()(delayed(square)(i) for i in range(3)) == [0, 1, 4]


def sleep(seconds):
    time.sleep(seconds)


def test_a_call_that_takes_too_long():
    with pytest.raises(multiprocessing.TimeoutError):
        Parallel(timeout=0.5)([delayed(sleep)(100), delayed(sleep)(100)])
    assert Parallel()([delayed(square)(2), delayed(square)(3)]) == [4, 9]


def test_parallel_within_parallel():
    assert Parallel()(delayed(nested)(i) for i in range(5)) == [0, 0, 1, 5, 14]


def threads_of_libraries():
    return [library["num_threads"] for library in threadpoolctl.threadpool_info()]


def test_threads_are_limited_before_libraries_are_loaded(monkeypatch):
    for name in backend.GreenlithopsBackend.MAX_NUM_THREADS_VARS:
        monkeypatch.delenv(name, raising=False)
    for counts in Parallel()(delayed(threads_of_libraries)() for _ in range(2)):
        assert set(counts) == {max(os.cpu_count() // 2, 1)}


def test_threads_of_libraries_are_limited():
    def limit():
        return os.environ["OMP_NUM_THREADS"]

    with parallel_config(backend="greenlithops", n_jobs=2, inner_max_num_threads=3):
        assert Parallel()([delayed(limit)(), delayed(limit)()]) == ["3", "3"]


def test_how_many_workers_n_jobs_means():
    one = backend.GreenlithopsBackend(max_workers=4)
    assert [one.effective_n_jobs(n) for n in (None, 1, 3, -1, -2, -9)] == [1, 1, 3, 4, 3, 1]
    with pytest.raises(ValueError, match="n_jobs == 0"):
        one.effective_n_jobs(0)
    assert Parallel(n_jobs=1)(delayed(os.getpid)() for _ in range(2)) == [os.getpid()] * 2


def test_a_grid_search_finds_what_it_finds_without_workers():
    features, classes = load_iris(return_X_y=True)
    grid = {"C": [0.1, 1, 10], "gamma": [0.01, 0.1]}
    found = GridSearchCV(SVC(), grid, cv=3).fit(features, classes)
    with parallel_config(backend="sequential"):
        expected = GridSearchCV(SVC(), grid, cv=3).fit(features, classes)
    assert found.best_params_ == expected.best_params_
    assert np.array_equal(
        found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )


def test_forests_and_cross_validation():
    features, classes = load_iris(return_X_y=True)
    forest = RandomForestClassifier(20, random_state=0, n_jobs=2)
    assert cross_val_score(forest, features, classes, cv=3, n_jobs=2).mean() > 0.9


def test_joblib_knows_it_by_name():
    assert "greenlithops" in joblib.parallel.BACKENDS


def remember(shared):
    os.environ["REMEMBERED"] = shared["key"]


def recall(_):
    return os.environ["REMEMBERED"]


def test_an_initializer_can_use_the_standard_librarys_manager():
    with multiprocessing.Manager() as manager:
        shared = manager.dict(key="yes")
        found = Parallel(n_jobs=2, backend=backend.NAME, initializer=remember, initargs=(shared,))(
            delayed(recall)(i) for i in range(4)
        )
    assert found == ["yes"] * 4


def test_a_call_that_has_ended_is_let_go_of_at_once():
    gc.collect()
    gc.disable()
    try:
        parallel = Parallel(n_jobs=2, backend=backend.NAME)
        assert parallel(delayed(square)(i) for i in range(4)) == [0, 1, 4, 9]
        held = weakref.ref(parallel)
        del parallel
        limit = time.monotonic() + BUSY  # a callback of its last batch may still return
        while held() is not None and time.monotonic() < limit:
            time.sleep(0.01)
        assert held() is None
    finally:
        gc.enable()


def again(name):
    return Parallel(n_jobs=2, backend=name)(delayed(abs)(-i) for i in range(3))


def test_calls_within_calls_know_the_backend():
    found = Parallel(n_jobs=2, backend=backend.NAME)(delayed(again)(backend.NAME) for _ in range(2))
    assert found == [[0, 1, 2]] * 2


class Stubborn:
    def __reduce__(self):
        raise RuntimeError("no")


def test_what_cannot_be_pickled_is_told_as_joblib_does():
    with pytest.raises(pickle.PicklingError, match="the task to send"):
        Parallel(n_jobs=2, backend=backend.NAME)(delayed(id)(Stubborn()) for _ in range(2))
