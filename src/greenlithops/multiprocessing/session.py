"""The state that one program and its workers share: where it is, and who here uses it."""

from __future__ import annotations

import asyncio
import atexit
import collections
import contextlib
import hmac
import itertools
import os
import secrets
import threading
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from greenlithops.backends.state.address import Address, configured
from greenlithops.backends.state.steps import Command, Run, Script, Slot, Steps, Terms
from greenlithops.config.files import find
from greenlithops.errors import GreenlithopsError, ProtocolError, StateError, StateUnavailable
from greenlithops.multiprocessing import config
from greenlithops.multiprocessing.encoding import decode, encode

if TYPE_CHECKING:
    from greenlithops.backends.state.client import AsyncClient, Client
    from greenlithops.backends.state.embedded import EmbeddedServer

T = TypeVar("T")

MAC_BYTES = 16
BEATS = 3  #: heartbeats in the time of a lease
SUFFIXES = "'', ':w', ':o', ':i', ':b', ':k', ':g', ':h', ':x'"

_TOUCH = Script(f"for _, s in ipairs({{{SUFFIXES}}}) do redis.call('PEXPIRE', K .. s, ttl) end")
_DELETE = Script(
    f"""
    local all = redis.call('SPOP', K, 500)
    for _, object in ipairs(all) do
      for _, s in ipairs({{{SUFFIXES}}}) do redis.call('DEL', object .. s) end
    end
    return #all
    """
)
_NOTE = Script("redis.call('SADD', K, ARGV[6]); keep(K) live() return 1")


class Session:
    """State with a name and a key of its own on some server.

    Args:
        name: unique among all programs that use the server.
        key: what signs the values, so that nobody else's are ever unpickled.
        address: where the server is.
        terms: leases and expiry.
    """

    def __init__(self, name: str, key: bytes, address: Address, terms: Terms) -> None:
        self.name = name
        self.address = address
        self.terms = terms
        self.over = False
        self.held: dict[str, Any] = {}  #: what this process holds, by the key of the lock
        self._key = key
        self._numbers = itertools.count()
        self._objects: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()
        self._beating: threading.Thread | None = None
        self._stop = threading.Event()
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncClient]
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: what another process holds is not ours."""
        self.client_id = secrets.token_hex(6)
        self.held = {}
        self._free: collections.deque[Slot] = collections.deque()
        self._slots = itertools.count()
        self._client: Client | None = None
        self._loops = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._beating = None
        self._stop = threading.Event()

    # Operations.

    def run(self, steps: Steps[T]) -> T:
        """Carry out an operation, blocking."""
        client = self._client or self._connect()
        slot = self._slot()
        try:
            result = client.run(steps, slot)
        except Exception as error:
            self._reuse(slot, error)
            raise
        self._free.append(slot)
        return result

    async def arun(self, steps: Steps[T]) -> T:
        """Carry out an operation on the running event loop."""
        loop = asyncio.get_running_loop()
        client = self._loops.get(loop)
        if client is None:
            from greenlithops.backends.state.client import AsyncClient  # noqa: PLC0415 - a vendor's SDK

            client = self._loops[loop] = AsyncClient(self.address, self.terms)
        slot = self._slot()
        try:
            result = await client.run(steps, slot)
        except Exception as error:
            self._reuse(slot, error)
            raise
        self._free.append(slot)
        return result

    def _reuse(self, slot: Slot, error: Exception) -> None:
        # What an operation has left on the server that was broken off must not reach another one.
        if not isinstance(error, StateUnavailable):
            self._free.append(slot)

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        client = self._loops.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    def take_slot(self) -> Slot:
        """Return a slot for an operation that is not one of `run`; give it back."""
        return self._slot()

    def give_slot(self, slot: Slot) -> None:
        """Take a slot back."""
        self._free.append(slot)

    def _slot(self) -> Slot:
        try:
            return self._free.pop()
        except IndexError:
            return Slot(f"{self.client_id}.{next(self._slots)}")

    def _connect(self) -> Client:
        from greenlithops.backends.state.client import Client  # noqa: PLC0415 - a vendor's SDK

        with self._lock:
            if self._client is None:
                self._client = Client(self.address, self.terms)
            return self._client

    def client(self) -> Client:
        """Return the connection of this process."""
        return self._client or self._connect()

    # Objects.

    def new_key(self, kind: str) -> str:
        """Return a name on the server for a new object; braces keep a program's on one node."""
        return f"gl:{{{self.name}}}:{kind}:{self.client_id}-{next(self._numbers)}"

    def life_key(self) -> str:
        """Return the name of what tells that this process lives."""
        return f"gl:{{{self.name}}}:life:{self.client_id}"

    def note(self, key: str) -> None:
        """Remember a new object, which goes when the program ends."""
        self.run(_once(Run(_NOTE, (self._all,), (key,))))

    @property
    def _all(self) -> str:
        return f"gl:{{{self.name}}}:objects"

    def keep(self, shared: Any) -> None:
        """Keep an object from expiring as long as something in this process refers to it."""
        self._objects[id(shared)] = shared
        if self._beating is None:
            with self._lock:
                if self._beating is None:
                    self._beating = threading.Thread(
                        target=self._beat, name="greenlithops-heartbeat", daemon=True
                    )
                    self._beating.start()

    def _beat(self) -> None:
        """Tell the server that this process lives, and which objects it uses."""
        beats = 0
        while not self._stop.wait(self.terms.lease / BEATS):
            beats += 1
            with contextlib.suppress(StateError):  # whoever uses an object is told; we try again
                life = (self.life_key(), "1", "PX", int(self.terms.lease * 1000))
                self.run(_once(Command(("SET", *life))))
                if beats * self.terms.lease > self.terms.expiry:
                    beats = 0
                    for key in {_key_of(shared) for shared in list(self._objects.values())}:
                        self.run(_once(Run(_TOUCH, (key,))))

    # Values.

    def seal(self, key: str, value: Any) -> bytes:
        """Return a value as signed bytes that only the object `key` of this session takes."""
        return self.sign(key, self.pack(value))

    def pack(self, value: Any) -> bytes:
        """Return a value as bytes that stay within this session: its key is not in them."""
        outer = getattr(_packing, "session", None)
        _packing.session = self
        try:
            return encode(value)
        finally:
            _packing.session = outer

    def sign(self, key: str, payload: bytes) -> bytes:
        """Return bytes with a signature before them."""
        return hmac.digest(self._key, key.encode() + payload, "sha256")[:MAC_BYTES] + payload

    def unseal(self, key: str, blob: bytes) -> Any:
        """Return the value of signed bytes.

        Raises:
            ProtocolError: they were not made by this program, or for this object.
        """
        return decode(self.verify(key, blob))

    def verify(self, key: str, blob: bytes) -> bytes:
        """Return signed bytes without their signature; see `unseal`."""
        payload = blob[MAC_BYTES:]
        mac = hmac.digest(self._key, key.encode() + payload, "sha256")[:MAC_BYTES]
        if not hmac.compare_digest(mac, blob[:MAC_BYTES]):
            raise ProtocolError(f"the value of {key} on the state server was not written by us")
        return payload

    # Its way to workers, and its end.

    def __reduce__(self) -> tuple[Any, ...]:
        if getattr(_packing, "session", None) is self:
            return _by_name, (self.name,)
        return joined, (self.name, self._key, self.address, self.terms)

    def __repr__(self) -> str:
        return f"<Session {self.name} on {self.address.place}>"

    def leave(self, *, delete: bool) -> None:
        """End this process' part in it."""
        self.over = True
        self._stop.set()
        if self._beating is not None and self._beating is not threading.current_thread():
            self._beating.join(1.0)
        if self._client is not None:
            with contextlib.suppress(GreenlithopsError):  # the server may have gone before us
                while delete and self.run(_once(Run(_DELETE, (self._all,)))):
                    pass
                self.run(_once(Command(("DEL", self.life_key()))))
            self._client.close()
            self._client = None


def _key_of(shared: Any) -> str:
    key: str = getattr(shared, "key", None) or shared._key  # noqa: SLF001 - our own
    return key


def _once(step: Any) -> Steps[Any]:
    return (yield step)


# The sessions of this process.

_packing = threading.local()


def _by_name(name: str) -> Session:
    """Return the session that a value names in which it was found."""
    return _joined[name]


_lock = threading.Lock()
_joined: dict[str, Session] = {}
_own: Session | None = None  #: where new objects go
_server: EmbeddedServer | None = None
_pid = os.getpid()


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
