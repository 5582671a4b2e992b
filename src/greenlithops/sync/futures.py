"""ResponseFuture: what Lithops programs hold of a call."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from greenlithops.errors import ForkedError
from greenlithops.models import CallState
from greenlithops.sync import call_logs
from greenlithops.sync.elsewhere import Elsewhere
from greenlithops.sync.identity import Identity
from greenlithops.sync.loop import background
from greenlithops.sync.record import JobRecord, call_stats, gathered, job_stats
from greenlithops.sync.settle import cancel, settle
from greenlithops.sync.settled import Settled
from greenlithops.sync.stats import Stats

if TYPE_CHECKING:
    from greenlithops.energy.records import CallEnergy
    from greenlithops.models import CallStats
    from greenlithops.sync.chain import Call

_GATHER = 500  #: calls whose statistics are fetched together


class ResponseFuture(Identity):
    """One call."""

    class State:
        """The names of the states."""

        New = "New"
        Invoked = "Invoked"
        Running = "Running"
        Ready = "Ready"
        Success = "Success"
        Error = "Error"
        Done = "Done"
        Unknown = "Unknown"

    __slots__ = (
        "__weakref__",
        "_final",
        "_known",
        "_produce_output",
        "_read",
        "_seen",
    )

    def __init__(self, record: JobRecord, number: int, call: Call | Elsewhere) -> None:
        super().__init__(record, number)
        self._known: Call | Elsewhere = call
        self._final: Stats | None = None
        self._seen = 0.0
        self._read = False
        self._produce_output = True

    @property
    def _call(self) -> Call:
        known = self._known
        if isinstance(known, Elsewhere):
            known = self._known = known.call(self._record)
        return known

    # Its state. A call that has ended is `ready` until somebody has looked at its outcome.

    @property
    def _state(self) -> str:
        state = self._call.state
        if state is CallState.WAITING:
            return self.State.Invoked
        if state is CallState.SENT:
            return self.State.Running
        if state is CallState.CANCELLED:
            return self.State.Unknown
        if not self._seen:
            return self.State.Ready
        return self.State.Done if state is CallState.DONE else self.State.Error

    @property
    def new(self) -> bool:
        """Whether the call was not given to the executor yet, which does not happen here."""
        return False

    @property
    def invoked(self) -> bool:
        """Whether the call waits for a worker."""
        return self._call.state is CallState.WAITING

    @property
    def running(self) -> bool:
        """Whether a worker has the call."""
        return self._call.state is CallState.SENT

    @property
    def ready(self) -> bool:
        """Whether the call has ended and nobody has looked at its outcome yet."""
        return self._call.done() and not self._seen

    @property
    def success(self) -> bool:
        """Whether the call has ended by itself; with an error, too, as in Lithops."""
        return self._call.state in (CallState.DONE, CallState.FAILED)

    @property
    def done(self) -> bool:
        """Whether the call has ended, however it did."""
        return self._call.done()

    @property
    def error(self) -> bool:
        """Whether the call has ended with an error."""
        return self._call.state is CallState.FAILED

    @property
    def futures(self) -> bool:
        """Whether the call returned futures."""
        return self._new_futures is not None

    @property
    def _new_futures(self) -> list[ResponseFuture] | None:
        value = self._value()
        if isinstance(value, ResponseFuture):
            return [value]
        if isinstance(value, list) and value and isinstance(value[0], ResponseFuture):
            return list(value)
        return None

    @property
    def _exception(self) -> tuple[type[BaseException], BaseException, Any] | Exception:
        error = self._failure()
        return (type(error), error, error.__traceback__) if error else Exception()

    @property
    def _call_output(self) -> Any:
        return self._value()

    def _value(self) -> Any:
        return self._call.result() if self._call.state is CallState.DONE else None

    def _failure(self) -> BaseException | None:
        if self._call.state not in (CallState.FAILED, CallState.CANCELLED):
            return None
        try:
            self._call.result()
        except Exception as error:  # noqa: BLE001 - the user's errors are data
            return error
        return None

    def _note(self) -> None:
        """Take note that the outcome has been looked at."""
        if not self._seen and self._call.done():
            self._seen = time.time()
            if self._record.log_calls and (text := self._call.logs):
                call_logs.write(self.job_key, self.call_id, text)

    def _check_process(self) -> None:
        if self._record.pid != os.getpid() and not isinstance(self._call, Settled):
            raise ForkedError("this future belongs to another process, which waits for it")

    def _settle(self) -> None:
        if not self._call.done():
            self._check_process()
            background().call(settle, (self._call,), 1, None)
        self._note()

    # What users ask for.

    def status(
        self,
        throw_except: bool = True,
        internal_storage: object = None,  # noqa: ARG002 - Lithops' parameter
        check_only: bool = False,
        wait_dur_sec: float = 1,  # noqa: ARG002 - nothing is polled
    ) -> dict[str, Any] | None:
        """Wait for the call and return how it went; with `check_only`, None if it has not ended."""
        if check_only and not self._call.done():
            return None
        self._settle()
        if throw_except and (error := self._failure()):
            raise error.with_traceback(None)
        return {
            "type": "__end__",
            "exception": self.error,
            "executor_id": self.executor_id,
            "job_id": self.job_id,
            "call_id": self.call_id,
            "activation_id": self.activation_id,
            "logs": self.logs,
            **self.stats,
        }

    def result(
        self,
        throw_except: bool = True,
        internal_storage: object = None,  # noqa: ARG002 - Lithops' parameter
        retries: int = 10,  # noqa: ARG002 - nothing is polled
        wait_dur_sec: float = 1,  # noqa: ARG002 - nothing is polled
    ) -> Any:
        """Wait for the call and return its result, or raise what it raised."""
        self._settle()
        if throw_except and (error := self._failure()):
            raise error.with_traceback(None)
        return self._value()

    def cancel(self) -> bool:
        """Stop the call, also if it runs; return False if it had ended."""
        self._check_process()
        return bool(background().call(cancel, (self._call,)))

    def cancelled(self) -> bool:
        """Return whether the call was cancelled."""
        return self._call.cancelled()

    @property
    def activation_id(self) -> str | None:
        """The worker that ran the call, once it has ended."""
        stats = self._call.stats
        return stats.worker if stats else None

    @property
    def logs(self) -> str | None:
        """What the call printed, once it has ended."""
        return self._call.logs if self._call.done() else None

    @property
    def stats(self) -> Stats:
        """What is known of the call's times, sizes, CPU time, memory and energy.

        A dictionary; for what is not known, ``stats.get(key, default)`` gives the default; see
        `Stats`.
        """
        if self._final is None and self._call.done():
            self._note()
            if isinstance(self._call, Settled):
                self._keep(self._call.stats, self._call.energy)
            else:
                self._gather()
        return self._final if self._final is not None else Stats(job_stats(self._record))

    @property
    def energy(self) -> CallEnergy | None:
        """What the call cost; None until it has ended, or if energy is switched off."""
        if isinstance(self._call, Settled):
            return self._call.energy
        if not self._call.done():
            return None
        self._check_process()
        ((_, energy),) = background().call(gathered, [self._call])
        return energy

    def _gather(self) -> None:
        # One visit to the loop is for the neighbours too, whose turn will come.
        self._check_process()
        neighbours = self._record.gathered
        if self._number not in neighbours:
            calls = self._record.calls[self._number : self._number + _GATHER]
            ended = {number: call for number, call in enumerate(calls, self._number) if call.done()}
            found = background().call(gathered, list(ended.values()))
            neighbours.update(zip(ended, found, strict=True))
        self._keep(*neighbours.pop(self._number))

    def _keep(self, stats: CallStats | None, energy: CallEnergy | None) -> None:
        free = self._record.backend in {"localhost", "inline"}
        state, value = self._call.state, self._value()
        more = call_stats(state, value, stats, self._seen, energy, free=free)
        self._final = Stats(job_stats(self._record) | more)

    # Its way to other processes.

    def _settled(self) -> Settled:
        if not self._call.done():
            background().call(settle, (self._call,), 1, None)
        calls = [self._call]
        inside = background().inside  # as when it is an argument of another call
        ((stats, energy),) = gathered(calls) if inside else background().call(gathered, calls)
        call = self._call
        return Settled(call.state, self._value(), self._failure(), stats, energy, call.logs)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._record.durable is not None and not self._known.done():
            return unfinished, (self._record.bare(), self._number)
        # Nothing is kept where another process could ask for it later: the outcome travels.
        self._check_process()
        settled = self._call if isinstance(self._call, Settled) else self._settled()
        return ResponseFuture, (self._record.bare(), self._number, settled)

    def __repr__(self) -> str:
        name = f"{self.job_key}-{self.call_id} {self.function_name}"
        return f"<ResponseFuture {name} {self._state.lower()}>"


def unfinished(record: JobRecord, number: int) -> ResponseFuture:
    """Return the future of a durable job's call that had not ended when it was pickled."""
    assert record.durable is not None  # noqa: S101 - only these are pickled like this
    record.pid = os.getpid()
    return ResponseFuture(record, number, Elsewhere(record.durable, number))
