"""What each name of Lithops stands for: a module of greenlithops, or why it is absent."""

from __future__ import annotations

import difflib

_SYNC = "greenlithops.sync"
_HERE = "greenlithops.as_lithops"
_EXECUTORS = {
    "FunctionExecutor": f"{_SYNC}.executors",
    "LocalhostExecutor": f"{_SYNC}.modes",
    "ServerlessExecutor": f"{_SYNC}.modes",
    "StandaloneExecutor": f"{_SYNC}.modes",
}
_RETRIES = {
    "RetryingFunctionExecutor": f"{_SYNC}.retries",
    "RetryingFuture": f"{_SYNC}.retries",
}
_WAITS = {
    "ALL_COMPLETED": f"{_SYNC}.constants",
    "ALWAYS": f"{_SYNC}.constants",
    "ANY_COMPLETED": f"{_SYNC}.constants",
    "get_result": f"{_SYNC}.waits",
    "wait": f"{_SYNC}.waits",
}
_FUTURE = {"ResponseFuture": f"{_SYNC}.futures"}
_LIST = {"FuturesList": f"{_SYNC}.futures_list"}
_STORAGE = {"Storage": f"{_SYNC}.storage"}
_OBJECTS = {
    "CloudObject": "greenlithops.storage.cloudobject",
    "CloudObjectLocal": "greenlithops.storage.cloudobject",
    "CloudObjectUrl": "greenlithops.storage.cloudobject",
    "StorageConfigMismatchError": f"{_SYNC}.storage_errors",
    "StorageNoSuchKeyError": f"{_SYNC}.storage_errors",
}


def _from(module: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), f"{_HERE}.{module}")


_CONSTANTS = _from(
    "constants",
    """CACHE_DIR CONFIG_DIR CONFIG_FILE CONFIG_FILE_GLOBAL CPU_COUNT FN_LOG_FILE HOME_DIR
    JOBS_DIR JOBS_PREFIX LITHOPS_TEMP_DIR LOCALHOST LOGGER_FORMAT LOGGER_FORMAT_SHORT
    LOGGER_LEVEL LOGGER_LEVEL_CHOICES LOGGER_STREAM LOGS_DIR LOGS_PREFIX MODE_DEFAULT
    RUNTIMES_PREFIX SA_CONFIG_FILE SERVERLESS SERVERLESS_BACKENDS SERVERLESS_BACKEND_DEFAULT
    STANDALONE STANDALONE_BACKENDS STANDALONE_BACKEND_DEFAULT STORAGE_BACKEND_DEFAULT
    TEMP_DIR TEMP_PREFIX USER_TEMP_DIR WORKER_ENV WORKER_PROCESSES_DEFAULT""",
)
_CONFIG = _from(
    "configs",
    """default_config default_storage_config dump_yaml_config extract_localhost_config
    extract_serverless_config extract_standalone_config extract_storage_config
    get_default_config_filename get_log_info load_config load_yaml_config""",
)
_UTILS = _from(
    "utils",
    """BackendType CURRENT_PY_VERSION b64str_to_bytes b64str_to_dict bytes_to_b64str
    convert_bools_to_string create_executor_id dict_to_b64str format_data get_default_backend
    get_executor_id get_mode is_linux_system is_lithops_worker is_notebook is_unix_system
    iterchunks log_prefix setup_lithops_logger sizeof_fmt split_object_url split_path uuid_str
    verify_args version_str""",
)

#: by the module's path in Lithops: the names in it, and where each is
TABLE: dict[str, dict[str, str]] = {
    "": _EXECUTORS
    | _STORAGE
    | {
        "RetryingFunctionExecutor": f"{_SYNC}.retries",
        "__version__": f"{_HERE}.constants",
        "get_result": f"{_SYNC}.waits",
        "wait": f"{_SYNC}.waits",
    },
    "config": _CONFIG,
    "constants": _CONSTANTS,
    "executors": _EXECUTORS | _FUTURE | _LIST | _WAITS,
    "future": _FUTURE,
    "plots": dict.fromkeys(("create_histogram", "create_timeline"), f"{_SYNC}.plots"),
    "retries": _RETRIES | _FUTURE | {"FunctionExecutor": f"{_SYNC}.executors"} | _WAITS,
    "storage": _STORAGE,
    "storage.cloud_proxy": dict.fromkeys(
        ("CloudFileProxy", "CloudStorage", "open", "os"), f"{_HERE}.cloud_proxy"
    ),
    "storage.storage": _STORAGE,
    "storage.utils": _OBJECTS,
    "util": {},
    "util.joblib": {"register_lithops": f"{_HERE}.joblib"},
    "utils": _UTILS | _LIST | _CONSTANTS,
    "version": {"__version__": f"{_HERE}.constants"},
    "wait": _WAITS | _FUTURE,
    "worker": {},
    "worker.utils": _from(
        "worker",
        "free_disk_space get_memory_usage get_runtime_metadata get_server_info peak_memory",
    )
    | {"sizeof_fmt": f"{_HERE}.utils"},
}

#: modules that are the same under both names, with all that is in them
ALIASES = {
    "concurrent": "greenlithops.concurrent",
    "multiprocessing": "greenlithops.multiprocessing",
}

_INVOKING = "calls go through greenlithops.AsyncExecutor, which needs no invoker"
_ENGINES = "backends implement greenlithops.protocols.ComputeBackend; register an entry point"

#: by path: why it is absent, and what to use instead
ABSENT: dict[str, str] = {
    "invokers": _INVOKING,
    "job": "jobs are greenlithops.Job; partitions are made by map() and its obj_* arguments",
    "libs": "vendored code of Lithops; import the libraries themselves",
    "localhost": "use greenlithops.LocalhostExecutor, or backend='localhost'",
    "monitor": "outcomes are pushed: use wait(), as_completed() or hooks",
    "monitoring": "outcomes are pushed: use wait(), as_completed() or hooks",
    "plots.create_plots": "use FunctionExecutor.plot()",
    "scripts": "use the command greenlithops",
    "serverless": _ENGINES,
    "standalone": _ENGINES,
    "storage.backends": "use lithops.storage.Storage, or greenlithops.storage.AsyncStorage",
    "storage.InternalStorage": "results need no storage here; use lithops.storage.Storage",
    "storage.storage.InternalStorage": (
        "results need no storage here; use lithops.storage.Storage"
    ),
    "telemetry": "say lithops.telemetry in the configuration; hooks are told of every call",
    "tests": "the tests are not installed",
    "util.metrics": "use hooks: greenlithops.Event tells of every call",
    "util.ibm_token_manager": "the S3 backend gets its tokens itself",
    "util.ssh_client": _ENGINES,
    "utils.WrappedStreamingBody": "read from the obj that functions get: it is a binary file",
    "utils.WrappedStreamingBodyPartition": (
        "read from the obj that functions get: it is a binary file"
    ),
    "utils.create_handler_zip": _ENGINES,
    "utils.docker_login": "run docker login by subprocess",
    "utils.get_docker_path": "use shutil.which('docker')",
    "utils.run_command": "use subprocess.run()",
    "utils.timeout_handler": "timeouts need no signal: wait(timeout=…)",
    "worker.handler": "workers speak greenlithops' own protocol",
    "worker.invoker": _INVOKING,
    "worker.jobrunner": "workers speak greenlithops' own protocol",
    "worker.utils.SystemMonitor": "future.stats has what each call took",
    "worker.utils.LogStream": "future.logs has what each call printed",
    "worker.utils.custom_redirection": "future.logs has what each call printed",
    "worker.utils.memory_monitor_worker": "runtime_memory is a limit that the kernel keeps",
}

_INNER = "a part of Lithops' own works, which has no counterpart"
_POLLING = "nothing is polled here, and no threads are needed"
_KEYS = "it names Lithops' own objects in storage; results need none here"
_FILES = "it names a file of Lithops' own; none is written here"
#: names that are no use without Lithops' own works: by module, the reason, and the names
_WITHOUT_USE = (
    ("wait", _POLLING, "THREADPOOL_SIZE WAIT_DUR_SEC"),
    (
        "utils",
        _INNER,
        """ShutdownSafeStreamHandler monitoring_queue_name remote_invoker_queue_name
        monitoring_queues agg_data create_futures_list verify_runtime_name sdb_to_dict
        is_object_processing_function get_default_container_name get_docker_username
        find_free_port is_podman CountDownLatch""",
    ),
    (
        "constants",
        _INNER,
        """MAX_AGG_DATA_SIZE STORAGE_CLI_MSG COMPUTE_CLI_MSG SESSION_ID_ENV TOTAL_EXECUTORS_ENV
        MONITORING_QUEUES_ENV REDUCE_JOB_ENV LITHOPS_DEFAULT_CONFIG_KEYS SA_INSTALL_DIR
        SA_MASTER_SERVICE_PORT SA_WORKER_SERVICE_PORT SA_DEFAULT_CONFIG_KEYS""",
    ),
    (
        "constants",
        _FILES,
        """MODULES_DIR CUSTOM_RUNTIME_DIR RN_LOG_FILE SV_LOG_FILE CLEANER_DIR CLEANER_PID_FILE
        CLEANER_LOG_FILE CLEANER_TMP_SUFFIX SA_SETUP_LOG_FILE SA_SETUP_DONE_FILE
        SA_MASTER_LOG_FILE SA_WORKER_LOG_FILE SA_MASTER_DATA_FILE SA_WORKER_DATA_FILE""",
    ),
    ("storage.storage", _INNER, "RUNTIME_META_CACHE COBJECTS_INDEX"),
    (
        "storage.utils",
        _KEYS,
        """func_key_suffix agg_data_key_suffix data_key_suffix output_key_suffix
        status_key_suffix init_key_suffix clean_bucket create_job_key create_func_key
        create_data_key create_output_key create_status_key create_init_key get_storage_path
        check_storage_path""",
    ),
    (
        "storage.cloud_proxy",
        "use lithops.storage.cloud_proxy.open: what it opens streams",
        "DelayedBytesBuffer DelayedStringBuffer cloud_open",
    ),
    ("storage.cloud_proxy", _KEYS, "remove_lithops_keys"),
    ("worker.utils", "workers get what they need with the call", "get_function_and_modules"),
    ("worker.utils", "workers get what they need with the call", "get_function_data"),
)
ABSENT |= {f"{path}.{name}": why for path, why, names in _WITHOUT_USE for name in names.split()}


def submodules(path: str) -> set[str]:
    """Return the names of the modules right below one of Lithops' paths."""
    prefix = f"{path}." if path else ""
    below = [one[len(prefix) :] for one in (*TABLE, *ALIASES) if one.startswith(prefix) and one]
    return {one for one in below if one and "." not in one}


def advice_on(path: str) -> str:
    """Return the text that says that a name of Lithops is not here, and what to do instead."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        reason = ABSENT.get(".".join(parts[:length]))
        if reason is not None:
            return f"greenlithops has no lithops.{path}: {reason}"
    parent, _, name = path.rpartition(".")
    known = [*TABLE.get(parent, ()), *submodules(parent)] if parent in TABLE else []
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"greenlithops has no lithops.{path}, and Lithops 3.8 has no public one{hint}"
