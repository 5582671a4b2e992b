"""Tests of other projects that cannot hold for greenlithops, each with its reason.

Those of CPython are named by class, or class and test; the others by module and test.
"""

INSIDES = "looks at the insides of the standard library's implementation"
NOT_OURS = "asks the standard library itself"
TEXTS = "texts differ"
CAPTURED = "a child's output is captured with its call, not inherited"
NO_MANAGER_PROCESS = "a manager has no server process that could be reached by an address"
PICKLABLE = "objects that a manager makes must be picklable"
DESCRIPTORS = "sends descriptors, which belong to one machine"
NO_FEEDER = "there is no feeder thread: put itself raises"
NOTE = "the remote traceback is a note of the exception, not its cause"
SIGNATURES = "connections are authenticated by signatures, not by challenges"
ONE_WAY = "there is one way to start workers; get_start_method() tells 'cloud'"
LAZY = "workers start as calls come"
ERRORS = "the error names what cannot be pickled, and is one of greenlithops'"

#: of CPython's ``test._test_multiprocessing``
MULTIPROCESSING = {
    "_TestProcess.test_set_executable": "workers run the interpreter of their client",
    "_TestProcess.test_parent_process": NOT_OURS,
    "_TestProcess.test_parent_process_attributes": NOT_OURS,
    "_TestProcess.test_error_on_stdio_flush_1": INSIDES,
    "_TestProcess.test_error_on_stdio_flush_2": INSIDES,
    "_TestProcess.test_forkserver_sigint": ONE_WAY,
    "_TestProcess.test_forkserver_sigkill": ONE_WAY,
    "_TestProcess.test_wait_for_threads": "a worker does not wait for threads that a call has left",
    "_TestSubclassingProcess.test_stderr_flush": CAPTURED,
    "_TestSubclassingProcess.test_sys_exit": CAPTURED,
    "_TestQueue.test_no_import_lock_contention": INSIDES,
    "_TestQueue.test_queue_feeder_donot_stop_onexc": NO_FEEDER,
    "_TestQueue.test_queue_feeder_on_queue_feeder_error": NO_FEEDER,
    "_TestEvent.test_repr": TEXTS,
    "_TestContainers.test_dict_iter": "an iterator goes over what there was when it was made",
    "_TestPool.test_make_pool": INSIDES,
    "_TestPool.test_map_unplicklable": ERRORS,
    "_TestPool.test_traceback": NOTE,
    "_TestPool.test_wrapped_exception": NOTE,
    "_TestPool.test_release_task_refs": "counts references that pickling by value adds",
    "_TestPoolWorkerErrors.test_unpickleable_result": ERRORS,
    "_TestPoolWorkerLifetime.test_pool_worker_lifetime": INSIDES,
    "_TestPoolWorkerLifetime.test_pool_worker_lifetime_early_close": INSIDES,
    "_TestPoolWorkerLifetime.test_worker_finalization_via_atexit_handler_of_multiprocessing": (
        INSIDES
    ),
    "_TestMyManager.test_mymanager": PICKLABLE,
    "_TestMyManager.test_mymanager_context": PICKLABLE,
    "_TestMyManager.test_mymanager_context_prestarted": PICKLABLE,
    "_TestRemoteManager.test_remote": NO_MANAGER_PROCESS,
    "_TestManagerRestart.test_rapid_restart": NO_MANAGER_PROCESS,
    "TestManagerExceptions.test_dispatch": NO_MANAGER_PROCESS,
    "_TestConnection.test_connection": "asks for the descriptor of a connection",
    "_TestConnection.test_fd_transfer": DESCRIPTORS,
    "_TestConnection.test_large_fd_transfer": DESCRIPTORS,
    "_TestConnection.test_missing_fd_transfer": DESCRIPTORS,
    "_TestPicklingConnections.test_pickling": DESCRIPTORS,
    "_TestHeap": INSIDES,
    "_TestSharedMemory.test_shared_memory_SharedMemoryManager_basics": NOT_OURS,
    "_TestSharedMemory.test_shared_memory_SharedMemoryServer_ignores_sigint": NOT_OURS,
    "_TestFinalize": NOT_OURS,
    "_TestImportStar.test_import": INSIDES,
    "TestInvalidHandle.test_invalid_handles": "a connection has no handle",
    "OtherTest": SIGNATURES,
    "ChallengeResponseTest": SIGNATURES,
    "TestInitializers.test_pool_initializer": LAZY,
    "TestFlags.test_flags": NOT_OURS,
    "TestNoForkBomb.test_noforkbomb": NOT_OURS,
    "TestStartMethod": ONE_WAY,
    "TestResourceTracker": NOT_OURS,
    "TestSimpleQueue.test_closed": INSIDES,
    "TestPoolNotLeakOnFailure.test_release_unused_processes": INSIDES,
    "TestSyncManagerTypes.test_pool": "a manager's pool belongs to the process that made it",
    "TestCloseFds": ONE_WAY,
    "TestForkAwareThreadLock": NOT_OURS,
    "SemLockTests": NOT_OURS,
    "MiscTestCase": NOT_OURS,
}

#: of CPython's ``test.test_concurrent_futures``
FUTURES = {
    "FailingInitializerMixin.test_initializer": INSIDES,
    "ProcessPoolExecutorTest.test_idle_process_reuse_multiple": INSIDES,
    "ProcessPoolExecutorTest.test_idle_process_reuse_one": INSIDES,
    "ProcessPoolExecutorTest.test_killed_child": INSIDES,
    "ProcessPoolExecutorTest.test_max_tasks_per_child": INSIDES,
    "ProcessPoolExecutorTest.test_max_tasks_per_child_defaults_to_spawn_context": ONE_WAY,
    "ProcessPoolExecutorTest.test_max_workers_negative": TEXTS,
    "ProcessPoolExecutorTest.test_python_finalization_error": INSIDES,
    "ProcessPoolExecutorTest.test_saturation": INSIDES,
    "ProcessPoolExecutorTest.test_traceback": NOTE,
    "ProcessPoolShutdownTest.test_cancel_futures": (
        "what no worker has is cancelled, which at once after the start is everything"
    ),
    "ProcessPoolShutdownTest.test_context_manager_shutdown": NOT_OURS,
    "ProcessPoolShutdownTest.test_del_shutdown": NOT_OURS,
    "ProcessPoolShutdownTest.test_shutdown_no_wait": NOT_OURS,
    "ProcessPoolShutdownTest.test_processes_terminate": INSIDES,
    "ProcessPoolShutdownTest.test_hang_gh83386": NOT_OURS,
    "ProcessPoolShutdownTest.test_interpreter_shutdown": NOT_OURS,
    "ProcessPoolShutdownTest.test_submit_after_interpreter_shutdown": NOT_OURS,
}

JOBLIB_INSIDES = "looks at the class or the pool of joblib's own backends"
THEIR_OWN = "starts a program with joblib's own backend"
_PARALLEL = "joblib.test.test_parallel."

#: of joblib and scikit-learn
JOBLIB = {
    f"{_PARALLEL}test_nested_parallel_warnings": (
        "calls within calls use threads, without a warning"
    ),
    f"{_PARALLEL}test_nested_loop[back_compat_backend-greenlithops]": (
        "the test's own backend starts processes that do not know ours"
    ),
    f"{_PARALLEL}test_parallel_as_context_manager": JOBLIB_INSIDES,
    f"{_PARALLEL}test_backend_context_manager": JOBLIB_INSIDES,
    f"{_PARALLEL}test_backend_hinting_and_constraints": JOBLIB_INSIDES,
    f"{_PARALLEL}test_nested_parallelism_limit": JOBLIB_INSIDES,
    f"{_PARALLEL}test_error_capture": (
        "an exit or interrupt that a call raises arrives as a RemoteError"
    ),
    f"{_PARALLEL}test_parallel_byteorder_corruption": (
        "a mapped array that a call returns comes back in the machine's byte order"
    ),
    f"{_PARALLEL}test_multiple_generator_call_separated_gc": (
        "what is aborted by an earlier call raises CancelledError"
    ),
    f"{_PARALLEL}test_parallel_with_interactively_defined_functions": THEIR_OWN,
    f"{_PARALLEL}test_parallel_with_unpicklable_functions_in_args": THEIR_OWN,
    f"{_PARALLEL}test_parallel_with_interactively_defined_bound_method_loky": THEIR_OWN,
}
