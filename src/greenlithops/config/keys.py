"""What a configuration can say: keys with their types and meaning, grouped in sections."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Kind(enum.Enum):
    """The type of a key's value, as people call it."""

    TEXT = "a text"
    WHOLE = "a whole number"
    NUMBER = "a number"
    FLAG = "true or false"
    LIST = "a list"
    MAP = "a mapping"
    ANY = "any value"


class Fate(enum.Enum):
    """What becomes of a key."""

    HONOURED = "honoured"
    NEEDLESS = "accepted, not needed"  #: what it tunes is not there, or tunes itself
    REFUSED = "refused"  #: its meaning would be lost, so it is an error
    WAITING = "for a backend that this version does not have"


class Role(enum.Enum):
    """What a section is about."""

    GENERAL = "general"
    COMPUTE = "compute backend"
    STORAGE = "storage backend"
    CLOUD = "cloud"  #: its keys are merged under those of each of its backends
    CHANNEL = "monitoring or telemetry"


class Key(NamedTuple):
    """One key of a section.

    Attributes:
        name: the key.
        kind: the type of its value.
        about: what it means, with its unit.
        fate: what becomes of it.
        advice: for keys that are not honoured: why, and what to do instead.
        default: what it is when it is not given, or None.
        least: the least value of a number.
        choices: the values that there are; any, if empty.
        secret: whether its value must not be shown.
        nullable: whether an explicit null means something else than leaving the key out.
        harmless: a value with which a refused key asks for nothing.
    """

    name: str
    kind: Kind
    about: str
    fate: Fate = Fate.HONOURED
    advice: str = ""
    default: Any = None
    least: float | None = None
    choices: tuple[Any, ...] = ()
    secret: bool = False
    nullable: bool = False
    harmless: tuple[Any, ...] = ()

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        if value is None:
            return None
        if not _fits(self.kind, value):
            wanted = f" of at least {self.least:g}" if self.least is not None else ""
            return f"must be {self.kind.value}{wanted}, not {self.shown(value)}"
        if self.least is not None and value < self.least:
            return f"must be at least {self.least:g}, not {self.shown(value)}"
        if self.choices and value not in self.choices:
            return f"must be one of {', '.join(map(str, self.choices))}, not {self.shown(value)}"
        if self.fate is Fate.REFUSED and value not in self.harmless:
            return f"is not possible here: {self.advice}"
        return None

    def shown(self, value: Any) -> str:
        """Return a value as text that may be printed."""
        return "(a secret)" if self.secret else repr(value)


def _fits(kind: Kind, value: Any) -> bool:
    if kind is Kind.FLAG:
        return isinstance(value, bool)
    if kind is Kind.WHOLE:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is Kind.NUMBER:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is Kind.LIST:
        return isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    if kind is Kind.MAP:
        return isinstance(value, Mapping)
    return kind is Kind.ANY or isinstance(value, str)


class Section(NamedTuple):
    """One section of a configuration.

    Attributes:
        name: the section.
        role: what it is about.
        about: what it configures.
        keys: what may stand in it, by name.
        cloud: the section whose keys are merged under these, or "".
        mode: for compute backends: ``"localhost"``, ``"serverless"`` or ``"standalone"``.
        required: keys that the backend cannot do without.
        open: whether other keys may stand in it, too.
        advice: for backends that are not there: what to do instead.
    """

    name: str
    role: Role
    about: str
    keys: Mapping[str, Key]
    cloud: str = ""
    mode: str = ""
    required: tuple[str, ...] = ()
    open: bool = False
    advice: str = ""


def keyed(*keys: Key) -> dict[str, Key]:
    """Return keys by their names."""
    return {key.name: key for key in keys}


def waiting(*keys: Key) -> dict[str, Key]:
    """Return keys, by name, of a backend that is not there."""
    return {key.name: key._replace(fate=Fate.WAITING) for key in keys}


def text(name: str, about: str, **more: Any) -> Key:
    """Return a key whose value is a text."""
    return Key(name, Kind.TEXT, about, **more)


def secret(name: str, about: str) -> Key:
    """Return a key whose value is a text that is not shown."""
    return Key(name, Kind.TEXT, about, secret=True)


def whole(name: str, about: str, **more: Any) -> Key:
    """Return a key whose value is a whole number, 1 or more unless `least` says otherwise."""
    return Key(name, Kind.WHOLE, about, **{"least": 1, **more})


def number(name: str, about: str, **more: Any) -> Key:
    """Return a key whose value is a number, 0 or more unless `least` says otherwise."""
    return Key(name, Kind.NUMBER, about, **{"least": 0, **more})


def flag(name: str, about: str, **more: Any) -> Key:
    """Return a key whose value is true or false."""
    return Key(name, Kind.FLAG, about, **more)


def many(name: str, about: str, **more: Any) -> Key:
    """Return a key whose value is a list."""
    return Key(name, Kind.LIST, about, **more)


def mapping(name: str, about: str, **more: Any) -> Key:
    """Return a key whose value is a mapping."""
    return Key(name, Kind.MAP, about, **more)


def anything(name: str, about: str, **more: Any) -> Key:
    """Return a key whose value has several types."""
    return Key(name, Kind.ANY, about, **more)
