"""The shared state of this process' program: which there is, who made it, and its end."""

from __future__ import annotations

import atexit
import os
import secrets
import threading
from typing import TYPE_CHECKING

from greenlithops.backends.state.address import Address, configured
from greenlithops.backends.state.steps import Terms
from greenlithops.multiprocessing import config
from greenlithops.multiprocessing.shared_state import Session

if TYPE_CHECKING:
    from greenlithops.backends.state.embedded import EmbeddedServer

__all__ = ["Session", "adopt", "by_name", "current", "end", "joined", "known"]

_lock = threading.Lock()
_joined: dict[str, Session] = {}
_own: Session | None = None  #: where new objects go
_server: EmbeddedServer | None = None
_pid = os.getpid()


def by_name(name: str) -> Session:
    """Return the session that a value names in which it was found."""
    return _joined[name]


def joined(name: str, key: bytes, address: Address, terms: Terms) -> Session:
    """Return the session that another process told of."""
    with _lock:
        session = _joined.get(name)
        if session is None:
            session = _joined[name] = Session(name, key, address, terms)
            _at_exit()
        return session


def current() -> Session:
    """Return the session in which this process makes shared objects; begin one if need be.

    Raises:
        GreenlithopsError: no server is configured, and none can be started.
    """
    global _own, _server  # noqa: PLW0603 - there is one for each process
    with _lock:
        if _own is None:
            from greenlithops.config.files import find  # noqa: PLC0415 - not in workers

            section = find(config.get_parameter(config.LITHOPS_CONFIG)).content.get("redis")
            if section:
                address, delete = configured(section), True
            else:
                from greenlithops.backends.state.embedded import EmbeddedServer  # noqa: PLC0415 - rarely

                _server = EmbeddedServer()
                address, delete = _server.address, False
            terms = Terms(
                lease=float(config.get_parameter(config.LEASE_TIME)),
                expiry=float(config.get_parameter(config.REDIS_EXPIRY_TIME)),
                patience=float(config.get_parameter(config.RECONNECT_TIME)),
            )
            _own = Session(secrets.token_hex(6), secrets.token_bytes(32), address, terms)
            _own_delete[:] = [delete]
            _joined[_own.name] = _own
            _at_exit()
        return _own


_own_delete: list[bool] = []


def adopt(session: Session | None) -> None:
    """Make shared objects in another process' session from now on; in a worker."""
    global _own  # noqa: PLW0603 - see above
    if session is not None:
        _own = session


def known() -> Session | None:
    """Return the session of this process if it has one."""
    return _own


def _at_exit() -> None:
    atexit.unregister(end)
    atexit.register(end)


def end() -> None:
    """Leave every session, and end the server that was started here."""
    global _own, _server  # noqa: PLW0603 - see above
    if os.getpid() != _pid:
        return
    for session in list(_joined.values()):
        session.leave(delete=session is _own and bool(_own_delete) and _own_delete[0])
    _joined.clear()
    _own = None
    _own_delete.clear()
    if _server is not None:
        _server.close()
        _server = None


def _after_fork() -> None:
    """In a forked child: share the state, with an identity of its own."""
    global _lock, _pid, _server  # noqa: PLW0603 - see above
    _lock = threading.Lock()
    _pid = os.getpid()
    _server = None
    _own_delete.clear()
    for session in _joined.values():
        session.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
