"""What an operation on shared state asks of the server, apart from how the answer is awaited.

An operation is a generator of steps, so that blocking and asynchronous faces share it. A script
is safe to repeat when its answer was lost: the server remembers the last answer of each slot,
which one operation at a time of one process has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

#: what every script begins with; KEYS[1] is the object
HEAD = """
local K, me, ttl = KEYS[1], ARGV[1], ARGV[4]
local again, repeated = ARGV[#ARGV] == 'again', ARGV[5] == '1'
local function done(reply)
  if redis.call('HSET', K .. ':o', me, cmsgpack.pack({ARGV[2], reply})) == 1 then
    redis.call('PEXPIRE', K .. ':o', ttl)
  end
  return reply
end
"""

#: what else scripts use
LIBRARY = """
local function gone() return redis.error_reply('GONE ' .. K) end
local function process(token) return string.match(token, '^[^.]+') end
local function life(name) return string.match(K, '^gl:{.-}:') .. 'life:' .. name end
local function alive(token) return redis.call('EXISTS', life(process(token))) == 1 end
local function live() redis.call('SET', life(process(me)), '1', 'PX', ARGV[3]) end
local function keep(key) redis.call('PEXPIRE', key, ttl) end
local function note()
  local all = string.match(K, '^gl:{.-}:') .. 'objects'
  redis.call('SADD', all, K)
  keep(all)
  keep(K)
end
local function awaited(object, token) return object .. ':w:' .. token end
local function wake(object, token, value)
  local key = awaited(object, token)
  redis.call('DEL', key)
  redis.call('RPUSH', key, value)
  keep(key)
end
local function stand(list)
  if not redis.call('LPOS', list, me) then
    redis.call('RPUSH', list, me)
    keep(list)
  end
end
-- What was put where this operation waits. What is there at its beginning was read before.
local function answered(object)
  if again then return redis.call('LPOP', awaited(object, me)) end
  redis.call('DEL', awaited(object, me))
end
-- Only a request that is repeated, since its answer was lost, looks for the answer it had.
local function once(body)
  if repeated then
    local last = redis.call('HGET', K .. ':o', me)
    if last then
      local kept = cmsgpack.unpack(last)
      if kept[1] == ARGV[2] then return kept[2] end
    end
  end
  local reply = body()
  if type(reply) == 'table' and reply.err then return reply end
  return done(reply)
end
"""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, known to the server by its digest.

    Attributes:
        source: what it does.
        quick: what is tried first, without the functions of the library: to make those for each
            run takes the server longer than most operations.
    """

    source: str
    quick: str = ""
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", HEAD + self.quick + LIBRARY + self.source)
        digest = hashlib.sha1(self.source.encode()).hexdigest()  # noqa: S324 - Redis' own name for it
        object.__setattr__(self, "sha", digest)


class Run(NamedTuple):
    """Run a script on an object."""

    script: Script
    keys: tuple[str, ...]
    arguments: tuple[Any, ...] = ()


class Command(NamedTuple):
    """Send one command that may be repeated without harm."""

    words: tuple[Any, ...]


class Await(NamedTuple):
    """Wait until something is put where this operation waits, on an object; None if nothing is.

    The answer stays there, so that one that was lost on the way can be read again.
    """

    key: str
    seconds: float


Step = Run | Command | Await
Steps = Generator[Step, Any, T]


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a process uses the server.

    Attributes:
        lease: seconds after which a process that is not heard of has lost what it held.
        expiry: seconds after which what nobody uses is forgotten.
        patience: seconds to wait for a server that does not answer.
    """

    lease: float = 10.0
    expiry: float = 3600.0
    patience: float = 10.0


class Slot:
    """What one operation at a time of one process has: the server keeps its last answer by it."""

    __slots__ = ("connection", "seq", "token")

    def __init__(self, token: str) -> None:
        self.token = token
        self.seq = 0
        self.connection: Any = None


def words(step: Step, slot: Slot, terms: Terms, *, repeated: bool = False) -> tuple[Any, ...]:
    """Return a step as a command's words."""
    if type(step) is Run:
        keys = step.keys
        return (
            "EVALSHA",
            step.script.sha,
            len(keys),
            *keys,
            slot.token,
            slot.seq,
            int(terms.lease * 1000),
            int(terms.expiry * 1000),
            int(repeated),
            *step.arguments,
        )
    if type(step) is Command:
        return step.words
    assert type(step) is Await  # noqa: S101 - there are no others
    place = f"{step.key}:w:{slot.token}"
    return ("BLMOVE", place, place, "LEFT", "LEFT", f"{max(step.seconds, 0.001):.3f}")
