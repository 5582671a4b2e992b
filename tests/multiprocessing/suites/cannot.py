"""Tests of other projects that cannot hold for greenlithops, each with its reason."""

SHARED_INTERPRETER = "patches or inspects the implementation of the standard library"
NO_MANAGER_PROCESS = "a manager has no server process that could be reached by an address"
NOT_OURS = "asks the standard library itself"
DESCRIPTORS = "sends descriptors, which belong to one machine"
NO_FEEDER = "there is no feeder thread: put itself raises"
REPLACED = "inspects the pool's process objects"
NOTE = "the remote traceback is a note of the exception, not its cause"

#: by ``Class.test`` or ``Class`` of CPython's ``test._test_multiprocessing``
MULTIPROCESSING = {}

#: by ``Class.test`` or ``Class`` of CPython's ``test.test_concurrent_futures``
FUTURES = {}

#: by module and test of joblib's and scikit-learn's own tests
JOBLIB = {}
