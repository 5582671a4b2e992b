"""FuturesList: the futures of a job, which can be the input of another."""

from __future__ import annotations

# ruff: noqa: SLF001 - the parts of this face know each other
from typing import TYPE_CHECKING, Any, SupportsIndex

from greenlithops.sync.futures import ResponseFuture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from greenlithops.sync.executors import FunctionExecutor


class FuturesList(list[ResponseFuture]):
    """The futures of a job, which can be the input of another.

    Attributes:
        executor: what runs a job that follows; made when it is needed if there is none.
        config: what to make it with.
    """

    executor: FunctionExecutor | None = None
    config: dict[str, Any] | None = None
    alt_list: list[ResponseFuture]

    def _with_executor(self) -> FunctionExecutor:
        if self.executor is None:
            from greenlithops.sync.executors import FunctionExecutor  # noqa: PLC0415 - a cycle

            self.executor = FunctionExecutor(config=self.config)
        return self.executor

    def _all(self) -> list[ResponseFuture]:
        return self.alt_list if hasattr(self, "alt_list") else self

    def _follow(self, futures: Iterable[ResponseFuture]) -> FuturesList:
        new = list(futures)
        for future in self:
            future._produce_output = False  # only the end of a chain has output
        self.alt_list = [*self._all(), *new]
        self[:] = new
        return self

    def map(
        self, map_function: Callable[..., Any], sync: bool = False, **kwargs: Any
    ) -> FuturesList:
        """Map over the results, each as soon as it is there; with `sync`, when all are."""
        executor = self._with_executor()
        if sync:
            executor.wait(self)
        return self._follow(executor.map(map_function, self, **kwargs))

    def map_reduce(
        self,
        map_function: Callable[..., Any],
        reduce_function: Callable[..., Any],
        sync: bool = False,
        **kwargs: Any,
    ) -> FuturesList:
        """Map over the results and reduce what that gives."""
        executor = self._with_executor()
        if sync:
            executor.wait(self)
        return self._follow(executor.map_reduce(map_function, self, reduce_function, **kwargs))

    def wait(self, **kwargs: Any) -> tuple[FuturesList, FuturesList]:
        """Wait for every job of the chain; see `FunctionExecutor.wait`."""
        return self._with_executor().wait(self._all(), **kwargs)

    def get_result(self, **kwargs: Any) -> Any:
        """Return the results of the chain's last job; see `FunctionExecutor.get_result`."""
        return self._with_executor().get_result(self._all(), **kwargs)

    def result(self, **kwargs: Any) -> Any:
        """Return the results of the chain's last job; the same as `get_result`."""
        return self.get_result(**kwargs)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        state = {name: value for name, value in vars(self).items() if name != "executor"}
        return FuturesList, (list(self),), state


def futures_list(
    futures: Iterable[ResponseFuture], executor: FunctionExecutor | None = None
) -> FuturesList:
    """Return futures as a list that knows its executor."""
    found = FuturesList(futures)
    if executor is not None:
        found.executor, found.config = executor, executor.config
    return found
