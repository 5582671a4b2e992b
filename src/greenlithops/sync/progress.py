"""A progress bar for whoever watches: on a terminal, outside of workers, and nowhere else."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from greenlithops.sync.place import in_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SPACING = 0.1

hidden = False  #: whether something else has the terminal, which shows more


@contextmanager
def progress_bar(total: int, *, wanted: bool) -> Iterator[Callable[[int], object] | None]:
    """Show how many of `total` calls have ended; give what is to be told, or None."""
    if (
        hidden
        or not wanted
        or not total
        or in_worker()
        or sys.stderr is None
        or not sys.stderr.isatty()
    ):
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - only where somebody watches
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn  # noqa: PLC0415

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        last = 0.0

        def tell(ended: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last > _SPACING or ended >= total:
                last = now
                bar.update(task, completed=min(ended, total))

        yield tell
