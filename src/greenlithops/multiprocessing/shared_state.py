"""One program's shared state as one of its processes sees it: operations, objects and values."""

from __future__ import annotations

import collections
import contextlib
import hmac
import itertools
import secrets
import threading
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from greenlithops.backends.state.steps import Command, Run, Slot, Steps, Terms
from greenlithops.errors import GreenlithopsError, ProtocolError, StateError, StateUnavailable
from greenlithops.multiprocessing import session_lua
from greenlithops.multiprocessing.encoding import decode, encode

if TYPE_CHECKING:
    import asyncio

    from greenlithops.backends.state.address import Address
    from greenlithops.backends.state.client import AsyncClient, Client

T = TypeVar("T")

MAC_BYTES = 16
BEATS = 3  #: heartbeats in the time of a lease

_packing = threading.local()


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
        import asyncio  # noqa: PLC0415 - what blocks needs none

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
        import asyncio  # noqa: PLC0415 - see above

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
        self.run(_once(Run(session_lua.NOTE, (self._all,), (key,))))

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
                        self.run(_once(Run(session_lua.TOUCH, (key,))))

    # Values.

    def seal(self, key: str, value: Any) -> bytes:
        """Return a value as signed bytes that only the object `key` of this program takes."""
        return self.sign(key, self.pack(value))

    def pack(self, value: Any) -> bytes:
        """Return a value as bytes that stay within this program: its key is not in them."""
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
        from greenlithops.multiprocessing import session as sessions  # noqa: PLC0415 - a circle

        if getattr(_packing, "session", None) is self:
            return sessions.by_name, (self.name,)
        return sessions.joined, (self.name, self._key, self.address, self.terms)

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
                while delete and self.run(_once(Run(session_lua.DELETE, (self._all,)))):
                    pass
                self.run(_once(Command(("DEL", self.life_key()))))
            self._client.close()
            self._client = None


def _key_of(shared: Any) -> str:
    key: str = getattr(shared, "key", None) or shared._key  # noqa: SLF001 - our own
    return key


def _once(step: Any) -> Steps[Any]:
    return (yield step)
