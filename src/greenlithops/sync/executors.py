"""FunctionExecutor: Lithops' face of the executor. What it does is done on the background loop."""

from __future__ import annotations

# ruff: noqa: PLR0917 - the parameters are Lithops', also where they mean nothing here
import itertools
import weakref
from typing import TYPE_CHECKING, Any, Self

from greenlithops.config import inherited
from greenlithops.config.settings import worker_memory
from greenlithops.errors import ForkedError
from greenlithops.executor import AsyncExecutor
from greenlithops.sync.config import handing_down, of_functions, settings, storage_choice
from greenlithops.sync.hosted import Hosted
from greenlithops.sync.logs import set_up_logging
from greenlithops.sync.loop import background
from greenlithops.sync.place import in_worker, new_executor_id
from greenlithops.sync.submitting import Submitting
from greenlithops.sync.telemetry import telemetry_of
from greenlithops.sync.works import Works

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType


class FunctionExecutor(Submitting, Works):
    """Runs functions on workers, with the names, arguments and results of Lithops.

    Used in ``with``, it waits at the end for what was submitted. It works without, too: it is
    opened by its first call, and closed with the program, or when nothing refers to it any more.

    Args:
        mode: the kind of backend, if none is named: ``"localhost"``.
        config: a configuration: a dictionary of sections, instead of a file.
        config_file: the path of a configuration, instead of those that are looked for.
        backend: where functions run.
        storage: where objects are.
        monitoring: accepted and not needed.
        log_level: the level of the logger ``greenlithops``; None silences it.
        **kwargs: keys of the backend's section, and options of `AsyncExecutor`.

    Raises:
        ConfigurationError: something is not known, or not possible.
        FileNotFoundError: the configuration file is not there.
    """

    def __init__(
        self,
        mode: str | None = None,
        config: Mapping[str, Any] | None = None,
        config_file: str | None = None,
        backend: str | None = None,
        storage: str | None = None,
        monitoring: str | None = None,
        log_level: str | bool | None = False,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        found = settings(mode, config, config_file, backend, storage, monitoring, kwargs)
        self.executor_id = new_executor_id()
        self.config = found.config
        self.backend, self.mode = found.backend, found.mode
        self.is_lithops_worker = in_worker()
        self.total_jobs = 0
        self._numbers = itertools.count()
        self.data_cleaner = found.data_cleaner
        self.log_path: str | None = None
        self._memory = found.runtime_memory
        self._log_calls = found.log.calls
        self._modules = (found.include_modules, found.exclude_modules)
        given = config or config_file or inherited.sections or storage not in {None, "localhost"}
        given = given or any(value is not None for value in kwargs.values())
        self._options = handing_down(found) if given else found.options
        self._storage = storage_choice(found)
        self._telemetry = telemetry_of(found)
        self._durable = bool(found.config[found.backend].get("durable"))
        self._hosts: dict[int | None, Hosted] = {}
        self._hosted(self._memory)
        set_up_logging(found.log, log_level)

    def _hosted(self, memory: int | None) -> Hosted:
        """Return what runs calls of so much memory: workers of their own."""
        host = self._hosts.get(memory)
        if host is None:
            options = self._engine_options(memory)
            # Another thread may have been faster; what is not opened needs no end.
            executor = AsyncExecutor(**options)
            host = self._hosts.setdefault(memory, Hosted(executor))
            weakref.finalize(self, host.let_go).atexit = False
        return host

    def _engine_options(self, memory: int | None) -> dict[str, Any]:
        """Return the arguments of an `AsyncExecutor` whose workers have so much memory."""
        options = {"backend": self.backend, "storage": self._storage, **self._options}
        if self._telemetry is not None:
            options["hooks"] = [*options.get("hooks", ()), self._telemetry.hook(memory)]
        if of_functions(self.backend):  # each memory has a function of its own
            asked = {"runtime_memory": memory} if memory is not None else {}
            return {**options, "backend_options": {**options.get("backend_options", {}), **asked}}
        return options if memory is None else {**options, "max_memory": worker_memory(memory)}

    # Its end.

    def __enter__(self) -> Self:
        self._check_process()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for host in self._hosts.values():
            background().call(_close, host, kind is not None)
        if self._telemetry is not None:
            self._telemetry.flush()

    def _check_process(self) -> None:
        for host in self._hosts.values():
            if not host.closed:
                host.check()
            elif host.foreign:
                raise ForkedError

    def __repr__(self) -> str:
        state = "closed" if all(host.closed for host in self._hosts.values()) else "open"
        return (
            f"<{type(self).__name__} {self.executor_id} {self.backend} {state} "
            f"{len(self.futures)} futures>"
        )


async def _close(host: Hosted, kill: bool) -> None:
    await host.close(kill=kill)
