"""Listeners and clients by address: who knows the address and the key gets a pipe."""

from __future__ import annotations

import hashlib
import secrets
from multiprocessing.context import AuthenticationError
from typing import TYPE_CHECKING, Any, Self

from greenlithops.backends.state.steps import Command
from greenlithops.errors import ProtocolError, StateLost
from greenlithops.multiprocessing import identity
from greenlithops.multiprocessing import session as sessions
from greenlithops.multiprocessing.connection import Connection, make_pipe
from greenlithops.multiprocessing.queues import Queue
from greenlithops.multiprocessing.streams import one

if TYPE_CHECKING:
    from greenlithops.multiprocessing.session import Session

families = ["AF_INET", "AF_UNIX"]  #: accepted; all mean the same


def _meeting(address: Any, authkey: bytes | None) -> tuple[Session, str]:
    """Return where the two sides meet: a session that both can name."""
    here = sessions.current()
    key = authkey if authkey is not None else bytes(identity.current_process().authkey)
    name = hashlib.sha256(repr(address).encode()).hexdigest()[:16]
    secret = hashlib.sha256(b"greenlithops listener" + key).digest()
    meeting = sessions.joined(f"at-{name}-{_short(secret)}", secret, here.address, here.terms)
    return meeting, f"gl:{{{meeting.name}}}:listener"


def _check_family(address: Any, family: str | None) -> None:
    if family is None:
        family = (
            "AF_PIPE" if isinstance(address, str) and address.startswith("\\\\") else families[0]
        )
    if family not in families:
        raise ValueError(f"Family {family} is not recognized.")


def _short(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()[:12]


class Listener:
    """Takes connections at an address; see `multiprocessing.connection.Listener`.

    Args:
        address: a text, or a pair of host and port: a name on the server, nothing is opened
            on this machine. None: one that nobody else has.
        family: accepted.
        backlog: accepted.
        authkey: what a client must have as well; by default this process' own.
    """

    def __init__(
        self,
        address: Any = None,
        family: str | None = None,
        backlog: int = 1,  # noqa: ARG002 - the standard library's parameter
        authkey: bytes | None = None,
    ) -> None:
        _check_family(address, family)
        if authkey is not None and not isinstance(authkey, bytes):
            raise TypeError("authkey should be a byte string")
        self._address = f"listener-{secrets.token_hex(8)}" if address is None else address
        session, key = _meeting(self._address, authkey)
        if session.run(one(Command(("EXISTS", key)))):
            raise OSError(98, "Address already in use", str(self._address))
        self._queue: Queue[Any] | None = Queue(session=session, key=key)
        self._last: Any = None

    @property
    def address(self) -> Any:
        """Where clients find it."""
        return self._address

    @property
    def last_accepted(self) -> Any:
        """Who came last: the client's process."""
        return self._last

    def accept(self) -> Connection:
        """Return a connection to the next client."""
        if self._queue is None:
            raise OSError("listener is closed")
        connection: Connection
        connection, self._last = self._queue.get()
        return connection

    def close(self) -> None:
        """Take no more."""
        queue, self._queue = self._queue, None
        if queue is not None:
            queue._session.run(one(Command(("DEL", queue._key, f"{queue._key}:i"))))  # noqa: SLF001 - our own

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def Client(address: Any, family: str | None = None, authkey: bytes | None = None) -> Connection:  # noqa: N802 - the standard library's name
    """Return a connection to a listener; see `multiprocessing.connection.Client`.

    Raises:
        ConnectionRefusedError: nobody listens there, with this key.
        AuthenticationError: what is there is not signed with this key.
    """
    _check_family(address, family)
    if authkey is not None and not isinstance(authkey, bytes):
        raise TypeError("authkey should be a byte string")
    session, key = _meeting(address, authkey)
    ours, theirs = make_pipe(Connection, session, duplex=True)
    try:
        queue: Queue[Any] = Queue._found(session, key, {"_maxsize": 0, "_closed": False})  # noqa: SLF001 - our own
        queue.put((theirs, session.client_id))
    except StateLost:
        ours.close()
        raise ConnectionRefusedError(111, f"nobody listens at {address!r} with this key") from None
    except ProtocolError as error:
        raise AuthenticationError(str(error)) from error
    finally:
        theirs.close()
    connection: Connection = ours
    return connection


__all__ = ["Client", "Listener", "families"]
