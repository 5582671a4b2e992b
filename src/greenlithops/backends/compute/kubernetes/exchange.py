"""How calls and replies lie in Redis: streams, and the scripts that keep each result single.

An entry of a stream of calls is an invocation. A worker takes it as a member of the group, renews
its hold while it runs, and answers by a script that takes the entry away and appends the reply in
one step: whoever comes second appends nothing.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from greenlithops.backends.state.address import configured
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP = "workers"  #: of which a consumer is called ``pod/when it started/number``
CONNECT_SECONDS = 5.0
BLOCK_SECONDS = 2.0  #: for which the server is asked to wait for news
ANSWER_SECONDS = 30.0  #: in which it must answer anything
PAUSE = 0.2  #: seconds between attempts to reach it

#: keys: calls, replies; arguments: entry, then fields. 1 if this was the first answer.
ANSWER = """
if redis.call('XACK', KEYS[1], 'workers', ARGV[1]) == 0 then return 0 end
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 3))
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
"""
#: keys: calls; arguments: consumer, entry, …: renews what is held, and returns what is not any more
RENEW = """
local lost = {}
for i = 1, #ARGV, 2 do
  local held = redis.call('XPENDING', KEYS[1], 'workers', ARGV[i + 1], ARGV[i + 1], 1, ARGV[i])
  if #held == 0 or #redis.call('XRANGE', KEYS[1], ARGV[i + 1], ARGV[i + 1]) == 0 then
    lost[#lost + 1] = ARGV[i + 1]
  else
    redis.call('XCLAIM', KEYS[1], 'workers', ARGV[i], 0, ARGV[i + 1], 'JUSTID')
  end
end
return lost
"""
#: keys: calls; arguments: start of consumers' names, client, moment: takes away what those hold of
#: the client's that started before, and returns the numbers
WITHDRAW = """
local found = {}
for _, row in ipairs(redis.call('XPENDING', KEYS[1], 'workers', '-', '+', 100000)) do
  local started = string.match(row[2], '^[^/]*/([^/]*)/')
  if string.sub(row[2], 1, #ARGV[1]) == ARGV[1] and tonumber(started) < tonumber(ARGV[3]) then
    local entry = redis.call('XRANGE', KEYS[1], row[1], row[1])[1]
    local field = {}
    for i = 1, entry and #entry[2] or 0, 2 do field[entry[2][i]] = entry[2][i + 1] end
    if not entry or field['c'] == ARGV[2] then
      redis.call('XACK', KEYS[1], 'workers', row[1])
      redis.call('XDEL', KEYS[1], row[1])
      if entry then found[#found + 1] = field['n'] end
    end
  end
end
return found
"""
#: keys: calls; arguments: start of consumers' names: sets aside what those hold, for clients
#: to withdraw; a while later any worker may claim it. Returns clients and numbers, by turns
SET_ASIDE = """
local found = {}
for _, row in ipairs(redis.call('XPENDING', KEYS[1], 'workers', '-', '+', 100000)) do
  local entry = redis.call('XRANGE', KEYS[1], row[1], row[1])[1]
  if entry and string.sub(row[2], 1, #ARGV[1]) == ARGV[1] then
    redis.call('XCLAIM', KEYS[1], 'workers', ARGV[1] .. '0/aside', 0, row[1], 'JUSTID')
    local field = {}
    for i = 1, #entry[2], 2 do field[entry[2][i]] = entry[2][i + 1] end
    found[#found + 1] = field['c']
    found[#found + 1] = field['n']
  end
end
return found
"""
ASIDE = "aside"  #: the status of a reply that tells of it
ASIDE_BEFORE = 1.0  #: what was set aside is held by a worker that started before this moment


def calls_key(pool: str, role: str | None = None) -> str:
    """Return the stream of calls of a pool, or of one of its Jobs."""
    return f"gl:{{{pool}}}:calls" + (f":{role}" if role else "")


def replies_key(pool: str, client: str) -> str:
    """Return the stream of replies to a client."""
    return f"gl:{{{pool}}}:replies:{client}"


def life_key(pool: str, client: str) -> str:
    """Return the key that is there while a client lives."""
    return f"gl:{{{pool}}}:life:{client}"


def described(given: Any) -> dict[str, Any]:
    """Return where a Redis is, as a value that can be written down for workers.

    Args:
        given: a URL, or a mapping as in the section ``redis`` of a configuration.

    Raises:
        ConfigurationError: it does not say where.
    """
    if isinstance(given, str) and given.startswith(("redis://", "rediss://", "unix://")):
        return {"url": given}
    if isinstance(given, dict):
        address = configured(given)
        return {"options": dict(address.options), "cluster": address.cluster}
    raise ConfigurationError(
        "kubernetes: calls travel by a Redis that this program and the pods can reach; give redis "
        f"as a URL, or as a mapping with host and port, not {given!r}"
    )


def connected(place: Mapping[str, Any]) -> Any:
    """Return a client; it connects when it is first used."""
    options = {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
        "socket_keepalive": True,
        # Attempts are ours to make: only we know what may be repeated.
        "retry": Retry(NoBackoff(), 0),
        # Else it looks for its own version among the files of all packages.
        "driver_info": None,
        **place.get("options", {}),
    }
    if "url" in place:
        if place["url"].startswith("unix:"):
            del options["socket_keepalive"]
        return Redis.from_url(place["url"], **options)
    if place.get("cluster"):
        return RedisCluster(**options)
    if "unix_socket_path" in options:
        del options["socket_keepalive"]
    return Redis(**options)


def entries(found: Any) -> list[Any]:
    """Return the entries that were read of a stream, in either version of the protocol."""
    if not found:
        return []
    if isinstance(found, dict):
        lists = next(iter(found.values()))
        return [one for some in lists for one in some]
    return list(found[0][1])


def named(flat: Any) -> dict[str, bytes]:
    """Return the fields of an entry by their names."""
    pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
    return {name.decode(): value for name, value in pairs}


async def reached(client: Any, seconds: float) -> None:
    """Wait until a Redis answers.

    Raises:
        RedisError: it refuses, or has not answered in so many seconds.
        OSError: it is not reached in so many seconds.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            await client.ping()
        except (RedisError, OSError) as error:
            refused = isinstance(error, (AuthenticationError, ResponseError))
            if refused or time.monotonic() > deadline:
                raise
            await asyncio.sleep(PAUSE)
        else:
            return
