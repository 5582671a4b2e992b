"""Whose cloud objects are whose: what a call puts without a key is kept in its job's folder."""

from __future__ import annotations

import contextlib
import inspect
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch import plan
from greenlithops.errors import NoSuchBucket
from greenlithops.storage.cloudobject import FOLDER, folder_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from greenlithops.sync.futures import ResponseFuture
    from greenlithops.sync.storage import Storage


def keeping(function: Callable[..., Any], job_key: str) -> Callable[..., Any]:
    """Return a function whose cloud objects can be told from others', if it has a storage."""
    if not callable(function) or plan.STORAGE not in plan.reserved(function):
        return function
    return Keeping(function, folder_of(job_key), coroutine=plan.is_async(function))


class Keeping:
    """A function that puts what has no key into a folder.

    Args:
        func: the user's function.
        folder: of the keys.
        coroutine: whether it is a coroutine function.
    """

    def __init__(self, func: Callable[..., Any], folder: str, *, coroutine: bool) -> None:
        self.func = func  # by this name, its own name and kind are found
        self.folder = folder
        self._coroutine = coroutine

    @property
    def __signature__(self) -> inspect.Signature:
        """The function's own."""
        return inspect.signature(self.func)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        if self._coroutine:
            return self._awaited(args, kwargs)
        before = FOLDER.set(self.folder)
        try:
            return self.func(*args, **kwargs)
        finally:
            FOLDER.reset(before)

    async def _awaited(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        before = FOLDER.set(self.folder)
        try:
            return await self.func(*args, **kwargs)
        finally:
            FOLDER.reset(before)


def delete_kept(storage: Callable[[], Storage], futures: Iterable[ResponseFuture]) -> None:
    """Delete what the calls of jobs have put without a key, if all calls of the job have ended."""
    running: dict[str, bool] = {}
    for future in futures:
        if future._record.keeps:  # noqa: SLF001 - the parts of this face know each other
            running[future.job_key] = running.get(future.job_key, False) or not future.done
    for job_key in (key for key, runs in running.items() if not runs):
        own = storage()
        if own.bucket is None:
            return
        with contextlib.suppress(NoSuchBucket):
            own.delete_objects(own.bucket, own.list_keys(own.bucket, f"{folder_of(job_key)}/"))
