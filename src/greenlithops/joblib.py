"""A backend for joblib: `Parallel` runs on greenlithops' workers, scikit-learn's included.

import greenlithops.joblib
greenlithops.joblib.register()
with joblib.parallel_config(backend="greenlithops", n_jobs=-1):
    search.fit(X, y)
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import threading
import weakref
from typing import TYPE_CHECKING, Any

from joblib.parallel import (
    AutoBatchingMixin,
    FallbackToBackend,
    ParallelBackendBase,
    SequentialBackend,
    register_parallel_backend,
)

from greenlithops.dispatch.options import byte_count, default_workers
from greenlithops.errors import UsageError
from greenlithops.sync import first_environment
from greenlithops.sync.array_files import ArrayFiles
from greenlithops.sync.pool import PoolExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

NAME = "greenlithops"


def register(name: str = NAME, *, make_default: bool = False) -> None:
    """Make the backend known to joblib.

    Args:
        name: what `joblib.parallel_config(backend=…)` calls it.
        make_default: use it where no backend is named.
    """
    register_parallel_backend(name, GreenlithopsBackend, make_default=make_default)


class GreenlithopsBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]  # joblib has no types
    """Runs joblib's batches on a `PoolExecutor`, whose workers live on between calls.

    Args:
        nesting_level: joblib's: how many `Parallel` are around this one.
        inner_max_num_threads: how many threads libraries may use in each worker; by default the
            CPUs divided by the workers.
        max_nbytes: arrays from this size on are written to a file once, which workers map into
            their memory, read-only. None: never.
        initializer: a function that every worker runs before its first call.
        initargs: its arguments.
        lithops_args: more options, as a dictionary.
        **options: options of `AsyncExecutor`: ``backend``, ``max_memory``, ``energy`` …
    """

    supports_retrieve_callback = True
    supports_inner_max_num_threads = True
    supports_sharedmem = False
    uses_threads = False

    def __init__(
        self,
        nesting_level: int | None = None,
        inner_max_num_threads: int | None = None,
        max_nbytes: int | str | None = "1 MiB",
        lithops_args: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(nesting_level=nesting_level, inner_max_num_threads=inner_max_num_threads)
        self._parallel: Callable[[], Any] = _nobody
        self._options = {**(lithops_args or {}), **options}
        self._largest = None if max_nbytes is None else byte_count(max_nbytes)
        self._files: ArrayFiles | None = None
        self._executor: PoolExecutor | None = None
        self._workers = 1

    @property
    def parallel(self) -> Any:
        """The `Parallel` that runs on this backend, as joblib's own methods ask for it.

        It holds the backend, and the arguments of initializers: being held in turn, it and they
        would stay, with the processes of managers, until the garbage collector comes by.
        """
        return self._parallel()

    @parallel.setter
    def parallel(self, parallel: Any) -> None:
        self._parallel = _nobody if parallel is None else weakref.ref(parallel)

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return how many workers ``n_jobs`` means."""
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        if n_jobs < 0:
            cpus = self._options.get("max_workers") or default_workers()
            return max(int(cpus) + 1 + n_jobs, 1)
        return n_jobs

    def configure(
        self,
        n_jobs: int = 1,
        parallel: Any = None,
        prefer: str | None = None,  # noqa: ARG002 - joblib's parameter
        require: str | None = None,
        **options: Any,
    ) -> int:
        """Have workers for a call of `Parallel`, with its options; return how many."""
        if require == "sharedmem":
            raise UsageError("workers are processes, which share no objects: use threads here")
        workers = self.effective_n_jobs(n_jobs)
        if workers == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        if "max_nbytes" in options:
            largest = options["max_nbytes"]
            self._largest = None if largest is None else byte_count(_in_words(largest))
        given = {name: options[name] for name in ("initializer", "initargs") if name in options}
        self._executor = executor_of(workers, self._environment(workers), self._options | given)
        local = self._options.get("backend", "localhost") == "localhost"
        if self._largest is not None and local:
            self._files = ArrayFiles(self._largest, options.get("temp_folder"))
        self.parallel = parallel
        self._workers = workers
        return workers

    def _environment(self, workers: int) -> dict[str, str]:
        threads = self.inner_max_num_threads
        usual = max((os.cpu_count() or 1) // workers, 1)
        return {
            name: str(threads) if threads else os.environ.get(name, str(usual))
            for name in self.MAX_NUM_THREADS_VARS
        }

    def submit(
        self, func: Callable[[], Any], callback: Callable[[Future[Any]], object] | None = None
    ) -> Future[Any]:
        """Run a batch on a worker."""
        assert self._executor is not None  # noqa: S101 - joblib configures first
        if self._files is not None:
            future = self._executor.submit(_run, self._files.dumps(func))
        else:
            future = self._executor.submit(func)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        """Return the result of a batch, or raise its error."""
        return out.result()

    def terminate(self) -> None:
        """Let go of the arrays; the workers stay for the next call."""
        if self._files is not None:
            self._files.close()
            self._files = None
        self.reset_batch_stats()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """End the workers, and what they do, at once."""
        if self._executor is not None:
            forget(self._executor)
            self._executor.kill_workers()
            self._executor = None
        if ensure_ready:
            self.configure(n_jobs=self.parallel.n_jobs, parallel=self.parallel)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_executor": None, "_files": None, "_parallel": _nobody}


def _nobody() -> None:
    """Be the reference to a `Parallel` where there is none."""


# Workers live on between calls of `Parallel`, as long as the same ones are asked for.

_lock = threading.Lock()
_executors: dict[tuple[Any, ...], PoolExecutor] = {}


def executor_of(
    workers: int, environment: Mapping[str, str], options: Mapping[str, Any]
) -> PoolExecutor:
    """Return the executor with these options; the one before lets its workers go."""
    key = (workers, *sorted(environment.items()), repr(sorted(options.items())))
    with _lock:
        if key not in _executors:
            for old in _executors.values():
                old.shutdown(wait=False)
            _executors.clear()
            more = {"extra_env": environment} | dict(options)
            more.pop("max_workers", None)
            begin = more.pop("initializer", None), tuple(more.pop("initargs", ()))
            authkey = bytes(multiprocessing.current_process().authkey)
            first = functools.partial(_begin, authkey, _packed(begin))
            given = {**environment, **(more.get("extra_env") or {})}
            more |= {"initializer": first_environment.begin, "initargs": (given, _packed(first))}
            _executors[key] = PoolExecutor(workers, **more)
        return _executors[key]


def _packed(value: Any) -> bytes:
    import cloudpickle  # noqa: PLC0415 - on first use

    packed: bytes = cloudpickle.dumps(value, 5)
    return packed


def _begin(authkey: bytes, content: bytes) -> None:
    """Be a worker: know the backend, for calls within calls, and what managers ask for."""
    multiprocessing.current_process().authkey = authkey
    register()
    then, arguments = pickle.loads(content)  # proxies of managers want the key
    if then is not None:
        then(*arguments)


def forget(executor: PoolExecutor | None = None) -> None:
    """Have a new executor next time; end the workers of the old one when they are done."""
    with _lock:
        for key, known in list(_executors.items()):
            if executor is None or known is executor:
                del _executors[key]
                if executor is None:
                    known.shutdown(wait=True)


def _in_words(size: int | str) -> int | str:
    """Return joblib's ``"1M"`` as ``"1 MiB"``."""
    if isinstance(size, str) and size[-1:] in "KMG":
        return f"{size[:-1]} {size[-1]}iB"
    return size


def _run(content: bytes) -> Any:
    """Run a batch, in a worker; what comes in a call was authenticated on its way."""
    return pickle.loads(content)()
