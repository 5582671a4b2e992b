"""The one tree of errors of greenlithops; what a user's function raises passes as it is.

GreenlithopsError
  + UsageError (ValueError)            the call of the API was wrong
    - ConfigurationError               a setting is unknown, missing or contradictory
  + SerializationError (TypeError)     an object cannot travel; the text names it
    - FunctionNotSerializable
    - ArgumentsNotSerializable
    - ResultNotSerializable
    - ResultNotReadable                a result arrived that cannot be rebuilt here
  + ExecutorError (RuntimeError)       the executor cannot do what was asked
    - ExecutorClosed
    - ForkedError                      the executor belongs to another process
    - OtherLoop                        the executor belongs to another event loop
    - BackendNotFound
    - NoSuchJob                        no durable job of this id is in the storage
    - JobTaken                         another process runs this durable job by now
    - NotReady                         a result was read before it was there
  + CallError                          one call did not give a result
    - CallTimeout (TimeoutError)
    - CallCancelled
    - WorkerLost (RuntimeError)        with exit code or signal, and why
      . OutOfMemory (MemoryError)
    - InitializerFailed (RuntimeError)
    - PayloadTooLarge (ValueError)     arguments or results exceed what the service takes
    - ServiceError (ConnectionError)   the service that runs calls did not
      . ServiceUnavailable             it was not reached, or could not; may be tried again
      . Throttled                      it refused since there are too many at once
      . ServiceRefused                 it does not take the request, and never will
      . IncompatibleRuntime            it runs another Python or another greenlithops
    - RemoteError                      stands for an exception that could not travel
    - EnergyBudgetExceeded             the job was stopped before the call ran: no joules left
  + EnergyError                        something about energy cannot be told
    - NotEnoughEvidence (ValueError)   an answer would have to be invented
    - IntensityUnavailable (ConnectionError)  a source of carbon intensity did not answer
    - EnergyLogUnreadable (ValueError) a line of an energy log is not one of ours
  + ProtocolError (ConnectionError)    bytes that are not from one of our workers
  + StorageError (OSError)             object storage did not do what was asked
    - NoSuchBucket (FileNotFoundError)
    - NoSuchKey (FileNotFoundError)
    - NoSuchUpload                     a multipart upload was finished or aborted already
    - AccessDenied (PermissionError)
    - PreconditionFailed (FileExistsError)
      . ObjectChanged                  since the work with it was planned
    - BucketTaken (FileExistsError)    somebody else has a bucket of this name
    - InvalidRange (ValueError)
    - InvalidName (ValueError)         of a bucket or an object
    - StorageFull
    - StorageClosed (ValueError)       it was let go of, as a file that was closed
    - ChecksumMismatch                 bytes were altered on the way
    - NotSupported (NotImplementedError)
    - StorageUnavailable (ConnectionError)  may be there again later
      . StorageThrottled               asked for less; says when to come back
      . StorageTimeout (TimeoutError)
  + StateError (OSError)               the server of shared state did not do what was asked
    - StateUnavailable (ConnectionError)  it does not answer
    - StateLost                        what was shared, or held, is gone: data or lease ran out
  + ChannelError (OSError)             the server of a push channel refuses
    - ChannelUnavailable (ConnectionError)  it is not reached
"""

from __future__ import annotations


class GreenlithopsError(Exception):
    """Anything that went wrong in greenlithops rather than in the user's function."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])


class UsageError(GreenlithopsError, ValueError):
    """The API was called with something that it cannot take."""


class ConfigurationError(UsageError):
    """A setting is unknown, missing or contradicts another."""


class SerializationError(GreenlithopsError, TypeError):
    """An object cannot travel between this process and a worker."""


class FunctionNotSerializable(SerializationError):
    """The function cannot be pickled."""


class ArgumentsNotSerializable(SerializationError):
    """The arguments of a call cannot be pickled."""


class ResultNotSerializable(SerializationError):
    """The result of a call cannot be pickled."""


class ResultNotReadable(SerializationError):
    """The result of a call arrived, but cannot be rebuilt in this process."""


class ExecutorError(GreenlithopsError, RuntimeError):
    """The executor cannot do what was asked of it."""


class ExecutorClosed(ExecutorError):
    """The executor is not open: it was never entered, or it has been left."""


class ForkedError(ExecutorError):
    """The executor was made in another process; make one in this process."""


class OtherLoop(ExecutorError):
    """The executor, job or future belongs to another event loop; use it in that loop."""


class BackendNotFound(ExecutorError):
    """No backend has this name."""


class NoSuchJob(ExecutorError):
    """The storage has no durable job of this id."""


class JobTaken(ExecutorError):
    """Another process has taken this durable job over, and runs it."""


class NotReady(ExecutorError):
    """The call has not ended yet; await it, or ask `done` first."""


class CallError(GreenlithopsError):
    """One call did not give a result."""


class CallTimeout(CallError, TimeoutError):
    """The call ran longer than its timeout and was stopped."""


class CallCancelled(CallError):
    """The call was cancelled before it gave a result."""


class WorkerLost(CallError, RuntimeError):
    """The worker died while it ran the call.

    Attributes:
        exit_code: what the worker's process ended with, or None.
        signal: the number of the signal that ended it, or None.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        exit_code: int | None = None,
        signal: int | None = None,
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.signal = signal

    def __reduce__(self) -> tuple[object, ...]:
        state = {"exit_code": self.exit_code, "signal": self.signal}
        return type(self), (str(self),), state


class OutOfMemory(WorkerLost, MemoryError):
    """The call used more memory than its worker may have."""


class InitializerFailed(CallError, RuntimeError):
    """The initializer raised, so the worker cannot run calls."""


class PayloadTooLarge(CallError, ValueError):
    """The arguments or the results are more than the service takes in one message."""


class ServiceError(CallError, ConnectionError):
    """The service that was to run the call did not.

    Attributes:
        retry_after: seconds that the service asked to wait before it is asked again, or None.
    """

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self),), {"retry_after": self.retry_after}


class ServiceUnavailable(ServiceError):
    """The service was not reached, or could not take the call; nothing was run."""


class Throttled(ServiceError):
    """The service refused the call since there are too many at once; nothing was run."""


class ServiceRefused(ServiceError):
    """The service does not take the request: it is not there, or the credentials are wrong."""


class IncompatibleRuntime(ServiceError):
    """The service runs another Python, or another version of greenlithops, than this program."""


class RemoteError(CallError):
    """Stands for an exception of the user's function that could not travel.

    Attributes:
        type_name: the qualified name of the original exception's type.
        remote_traceback: the traceback as text.
    """

    def __init__(
        self, message: str | None = None, *, type_name: str = "", remote_traceback: str = ""
    ) -> None:
        super().__init__(message)
        self.type_name = type_name
        self.remote_traceback = remote_traceback

    def __reduce__(self) -> tuple[object, ...]:
        state = {"type_name": self.type_name, "remote_traceback": self.remote_traceback}
        return type(self), (str(self),), state


class EnergyBudgetExceeded(CallError):
    """The job was stopped before this call ran, since its energy budget was spent.

    Attributes:
        budget: the joules that it might use, or None if that is not known any more.
        joules: those that its finished calls had used.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        budget: float | None = None,
        joules: float | None = None,
    ) -> None:
        super().__init__(message)
        self.budget = budget
        self.joules = joules

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self),), {"budget": self.budget, "joules": self.joules}


class EnergyError(GreenlithopsError):
    """Something about energy cannot be told."""


class NotEnoughEvidence(EnergyError, ValueError):
    """The data do not support an answer; one would have to be invented."""


class IntensityUnavailable(EnergyError, ConnectionError):
    """The source of carbon intensity did not answer, or not with what can be used."""


class EnergyLogUnreadable(EnergyError, ValueError):
    """A line of an energy log is not a record of ours."""


class ProtocolError(GreenlithopsError, ConnectionError):
    """Bytes arrived that are not from one of our workers, or not whole."""


class StorageError(GreenlithopsError, OSError):
    """Object storage did not do what was asked of it.

    Attributes:
        bucket: the bucket that it is about, or None.
        key: the object that it is about, or None.
    """

    def __init__(
        self, message: str | None = None, *, bucket: str | None = None, key: str | None = None
    ) -> None:
        super().__init__(message)
        self.bucket = bucket
        self.key = key

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self),), dict(self.__dict__)


class NoSuchBucket(StorageError, FileNotFoundError):
    """There is no such bucket."""


class NoSuchKey(StorageError, FileNotFoundError):
    """The bucket has no object of this key."""


class NoSuchUpload(StorageError):
    """The multipart upload does not exist: it was finished or aborted."""


class AccessDenied(StorageError, PermissionError):
    """The credentials are missing or wrong, or do not allow this."""


class PreconditionFailed(StorageError, FileExistsError):
    """The object is there already, or is not the one that was expected."""


class ObjectChanged(PreconditionFailed):
    """The object is not the one any more that the work was planned for."""


class BucketTaken(StorageError, FileExistsError):
    """Somebody else has a bucket of this name."""


class InvalidRange(StorageError, ValueError):
    """The range lies outside of the object."""


class InvalidName(StorageError, ValueError):
    """The storage cannot have a bucket or an object of this name."""


class StorageFull(StorageError):
    """There is no space left for the object."""


class StorageClosed(StorageError, ValueError):
    """The storage was closed; make another one, or enter it again."""


class ChecksumMismatch(StorageError):
    """Bytes arrived that are not those that were sent."""


class NotSupported(StorageError, NotImplementedError):
    """This storage cannot do that."""


class StorageUnavailable(StorageError, ConnectionError):
    """The storage did not answer, or could not just now; the operation may be tried again.

    Attributes:
        retry_after: seconds that the storage asked to wait before that, or None.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        bucket: str | None = None,
        key: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, bucket=bucket, key=key)
        self.retry_after = retry_after


class StorageThrottled(StorageUnavailable):
    """The storage refused because too much was asked of it at once."""


class StorageTimeout(StorageUnavailable, TimeoutError):
    """The storage did not answer in time."""


class StateError(GreenlithopsError, OSError):
    """The server of shared state did not do what was asked of it."""


class StateUnavailable(StateError, ConnectionError):
    """The server of shared state does not answer."""


class StateLost(StateError):
    """A shared object is not on the server any more, or a lease ran out while it was held."""


class ChannelError(GreenlithopsError, OSError):
    """The server of a push channel refuses what was asked of it."""


class ChannelUnavailable(ChannelError, ConnectionError):
    """The server of a push channel is not reached."""
