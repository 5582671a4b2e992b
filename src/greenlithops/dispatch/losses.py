"""Which calls a worker took with it when it ended, and why; the others go to another worker."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlithops.errors import WorkerLost
from greenlithops.worker.process import BROKEN_WORKER, LOST_CONNECTION

if TYPE_CHECKING:
    from greenlithops.dispatch.batch import Batch


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker ended.

    Attributes:
        worker: its name.
        ready: whether it had started.
        running: batch, position and start (monotonic ns) of the synchronous call that ran.
        culprit: batch and position of the call that it was killed for, and what becomes of that.
        status: its exit status, or the negative number of a signal.
        words: the last that it printed.
    """

    worker: str
    ready: bool
    running: tuple[int, int, int] | None
    culprit: tuple[int, int, Exception] | None
    status: int
    words: str

    def ran(self, batch: Batch, position: int) -> bool:
        """Whether a call was the one that ran."""
        return self.running is not None and self.running[:2] == (batch.number, position)


def losses(batch: Batch, ending: Ending) -> tuple[dict[int, Exception], list[int]]:
    """Return the errors of the calls that were lost, and the others without outcome, by position.

    Args:
        batch: calls that the worker was given.
        ending: how it ended.
    """
    lost: dict[int, Exception] = {}
    back: list[int] = []
    for place, position in enumerate(batch.unfinished()):
        call = f"call {batch.indices[position]} of {batch.work.name}"
        if ending.culprit and ending.culprit[:2] == (batch.number, position):
            lost[position] = ending.culprit[2]
        elif ending.ran(batch, position) or _may_have_run(batch, ending):
            lost[position] = _error(f"ran {call}", ending)
        elif not (ending.running or place) and batch.work.retries.bereft(batch.indices[position]):
            did = "was given" if ending.ready else "started (or ran its initializer) for"
            lost[position] = _error(f"{did} {call}", ending)
        else:
            back.append(position)
    return lost, back


def _may_have_run(batch: Batch, ending: Ending) -> bool:
    # Coroutines run side by side. Unless another call is to blame, any of them may be.
    return batch.function.is_async and ending.culprit is None and not ending.running


def reason(status: int) -> str:
    """Return what a worker did that ended with an exit status, or by a signal."""
    if status < 0:
        number = -status
        name = signal.Signals(number).name if number in signal.valid_signals() else str(number)
        outside = " (killed from outside; perhaps the machine is out of memory)"
        return f"was ended by signal {name}{outside if number == signal.SIGKILL else ''}"
    if status == LOST_CONNECTION:
        return "lost its connection: the call has closed file descriptors that are not its own"
    return "failed" if status == BROKEN_WORKER else f"exited with status {status}"


def _error(what: str, ending: Ending) -> WorkerLost:
    """Return the error of a call whose worker ended under it, with what is known of why."""
    status = ending.status
    text = f"worker {ending.worker} {reason(status)} while it {what}"
    if ending.words:
        text += f"\nIts last words:\n{ending.words}"
    return WorkerLost(
        text, exit_code=status if status >= 0 else None, signal=-status if status < 0 else None
    )
