"""What programs reach for inside an executor of Lithops, mostly to end it: its works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlithops.sync.loop import background
from greenlithops.sync.settle import cancel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenlithops.sync.futures import ResponseFuture
    from greenlithops.sync.storage import Storage

_INVOKING = "calls are given to workers by the executor itself"
_WATCHING = "outcomes are pushed; use wait(), or hooks"
_COMPUTING = "backends implement greenlithops.protocols.ComputeBackend"
_STORING = "use its storage"


class Part:
    """Stands where Lithops' executors have one of their works, and says what it is without."""

    def __init__(self, name: str, advice: str) -> None:
        self._name = name
        self._advice = advice

    def stop(self, wait: bool = False) -> None:
        """Do nothing: there is no thread of this executor's that would have to be stopped."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"greenlithops has no {self._name}.{name}: {self._advice}")


class ComputeHandler(Part):
    """Stops what runs."""

    def __init__(self, futures: list[ResponseFuture]) -> None:
        super().__init__("compute_handler", _COMPUTING)
        self._futures = futures

    def clear(self, job_keys: Iterable[str] | None = None, exception: object = None) -> None:  # noqa: ARG002 - Lithops' parameter
        """Stop the calls of some jobs that have not ended, or of all."""
        keys = None if job_keys is None else set(job_keys)
        chosen = [f for f in self._futures if keys is None or f.job_key in keys]
        background().call(cancel, [future._call for future in chosen])  # noqa: SLF001 - our face

    def clean(self, **_how: object) -> None:
        """Do nothing: no runtimes are kept that would have to be deleted."""


class InternalStorage(Part):
    """Leads to the storage of an executor."""

    def __init__(self, storage: Storage) -> None:
        super().__init__("internal_storage", _STORING)
        self.storage = storage
        self.backend = storage.backend
        self.bucket = storage.bucket
        self.get_client = storage.get_client
        self.get_storage_config = storage.get_storage_config


class Works:
    """The executor's half that has little to do here, since there are no such works."""

    if TYPE_CHECKING:  # the executor has them
        futures: list[ResponseFuture]

        @property
        def storage(self) -> Storage:
            """The storage that the configuration names."""

    @property
    def invoker(self) -> Part:
        """What gives calls to workers in Lithops; here, its `stop` has nothing to do."""
        return Part("invoker", _INVOKING)

    @property
    def job_monitor(self) -> Part:
        """What looks for outcomes in Lithops; here, its `stop` has nothing to do."""
        return Part("job_monitor", _WATCHING)

    @property
    def compute_handler(self) -> ComputeHandler:
        """Its `clear` stops what runs."""
        return ComputeHandler(self.futures)

    @property
    def internal_storage(self) -> InternalStorage:
        """Where Lithops keeps results; its `storage` is the executor's."""
        return InternalStorage(self.storage)
