"""Runs CPython's own tests of multiprocessing against greenlithops.multiprocessing.

    python tests/multiprocessing/cpython_suite.py [name of a test …]

Which of them cannot hold, and why, is in `CANNOT` below and in docs/multiprocessing.md.
"""

import signal
import sys
import unittest

from test import _test_multiprocessing as suite

import greenlithops.multiprocessing as mp
from greenlithops.multiprocessing import aio, connection, managers  # noqa: F401 - for the suite
from greenlithops.multiprocessing import session as sessions

SHARED_INTERPRETER = "patches or inspects the implementation of the standard library"
NO_MANAGER_PROCESS = "a manager has no server process that could be reached by an address"

SECONDS = 60  #: of one test

#: tests that cannot hold, by name, with the reason
CANNOT = {
    "test_set_executable": "workers run the interpreter of their client",
    "test_parent_process": "asks the standard library itself",
    "test_parent_process_attributes": "asks the standard library itself",
    "test_child_fd_inflation": "counts descriptors under fork",
    "test_error_on_stdio_flush_1": SHARED_INTERPRETER,
    "test_error_on_stdio_flush_2": SHARED_INTERPRETER,
    "test_forkserver_sigint": "there is no fork server",
    "test_forkserver_sigkill": "there is no fork server",
    "test_stderr_flush": "a child's stderr is captured, not inherited",
    "test_sys_exit": "a child's stderr is captured, not inherited",
    "test_wait_for_threads": "a worker ends without waiting for threads that a call has left",
    "test_process_mainthread_native_id": "compares numbers through the standard library's queue",
    "test_no_import_lock_contention": SHARED_INTERPRETER,
    "test_queue_feeder_donot_stop_onexc": "there is no feeder thread: put itself raises",
    "test_queue_feeder_on_queue_feeder_error": "there is no feeder thread: put itself raises",
    "test_repr": "texts differ",
    "test_subclassing": "looks at the process object's insides",
    "test_make_pool": "looks at the pool's process objects",
    "test_map_unplicklable": "the error names what cannot be pickled, with the cause, as TypeError",
    "test_unpickleable_result": "the error is ResultNotSerializable",
    "test_connection": "asks for the descriptor of a connection",
    "test_fd_transfer": "sends descriptors, which belong to one machine",
    "test_large_fd_transfer": "sends descriptors, which belong to one machine",
    "test_missing_fd_transfer": "sends descriptors, which belong to one machine",
    "test_dict_iter": "an iterator goes over what there was when it was made",
    "test_traceback": "the remote traceback is a note of the exception, not its cause",
    "test_wrapped_exception": "the remote traceback is a note of the exception, not its cause",
    "test_worker_finalization_via_atexit_handler_of_multiprocessing": SHARED_INTERPRETER,
    "test_pool_worker_lifetime": "inspects the pool's process objects",
    "test_pool_worker_lifetime_early_close": "inspects the pool's process objects",
    "test_release_task_refs": "counts references that pickling by value adds",
    "test_remote": NO_MANAGER_PROCESS,
    "test_rapid_restart": NO_MANAGER_PROCESS,
}

CLASSES = [
    "_TestProcess",
    "_TestSubclassingProcess",
    "_TestQueue",
    "_TestLock",
    "_TestSemaphore",
    "_TestCondition",
    "_TestEvent",
    "_TestBarrier",
    "_TestValue",
    "_TestArray",
    "_TestPool",
    "_TestPoolWorkerErrors",
    "_TestPoolWorkerLifetime",
    "_TestConnection",
]
OF_MANAGERS = [
    "_TestContainers",
    "_TestQueue",
    "_TestLock",
    "_TestSemaphore",
    "_TestCondition",
    "_TestEvent",
    "_TestBarrier",
]
NAMES = [
    "Queue",
    "JoinableQueue",
    "Lock",
    "RLock",
    "Semaphore",
    "BoundedSemaphore",
    "Condition",
    "Event",
    "Barrier",
    "Value",
    "Array",
    "RawValue",
    "RawArray",
]


class Counted:
    """A list of which the suite wants to know only how long it is."""

    def __init__(self):
        self._list = mp.Manager().list()

    def append(self, _):
        self._list.append(1)

    def __len__(self):
        return len(self._list)


def too_long(*_):
    """End a test that waits for something that will not come."""
    raise TimeoutError(f"the test took more than {SECONDS} s")


class Processes:
    """What the suite's classes are given, for objects that processes share."""

    TYPE = "processes"

    def DummyList(self):  # noqa: N802 - the suite's name
        return Counted()

    def check_invariant(self, condition):
        """Look at nothing: the suite would look inside."""

    def setUp(self):
        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(SECONDS)
        super().setUp()

    def tearDown(self):
        super().tearDown()
        signal.alarm(0)

    Process = mp.Process
    connection = connection
    current_process = staticmethod(mp.current_process)
    parent_process = staticmethod(mp.parent_process)
    active_children = staticmethod(mp.active_children)
    Pool = staticmethod(mp.Pool)
    Pipe = staticmethod(mp.Pipe)
    Queue, JoinableQueue = staticmethod(mp.Queue), staticmethod(mp.JoinableQueue)
    Lock, RLock = staticmethod(mp.Lock), staticmethod(mp.RLock)
    Semaphore = staticmethod(mp.Semaphore)
    BoundedSemaphore = staticmethod(mp.BoundedSemaphore)
    Condition, Event = staticmethod(mp.Condition), staticmethod(mp.Event)
    Barrier = staticmethod(mp.Barrier)
    Value, Array = staticmethod(mp.Value), staticmethod(mp.Array)
    RawValue, RawArray = staticmethod(mp.RawValue), staticmethod(mp.RawArray)


class Managers(Processes):
    """The same, for objects that a manager makes."""

    TYPE = "manager"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = mp.Manager()
        for name in (*NAMES[:9], "list", "dict", "Namespace", "Pool"):
            setattr(cls, name, staticmethod(getattr(cls.manager, name)))

    @classmethod
    def tearDownClass(cls):
        for name in (*NAMES[:9], "list", "dict", "Namespace", "Pool"):
            delattr(cls, name)
        del cls.manager
        super().tearDownClass()


def cases():
    """Give the suite's classes, made for greenlithops."""
    for names, mixin in ((CLASSES, Processes), (OF_MANAGERS, Managers)):
        for name in names:
            base = getattr(suite, name)
            if mixin.TYPE not in base.ALLOWED_TYPES:
                continue
            kind = type(f"{mixin.__name__}{name}", (mixin, base, unittest.TestCase), {})
            kind.__module__ = "__main__"
            globals()[kind.__name__] = kind
            yield kind


def main(wanted):
    """Run the tests; return how many failed."""
    suite.multiprocessing = mp
    loader = unittest.TestLoader()
    tests = unittest.TestSuite()
    for kind in cases():
        for name in loader.getTestCaseNames(kind):
            if name in CANNOT or (
                wanted and not any(part in f"{kind.__name__}.{name}" for part in wanted)
            ):
                continue
            tests.addTest(kind(name))
    result = unittest.TextTestRunner(verbosity=2).run(tests)
    sessions.end()
    print(f"cannot hold: {len(CANNOT)} tests")
    return len(result.failures) + len(result.errors)


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 100))
