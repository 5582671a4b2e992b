"""The scripts of shared dictionaries and lists.

A dictionary: `h` has the values by field, `k` the fields in the order in which they came, and `g`
the keys that their fields do not tell. A list: `i` has the values, and the object's own hash a
version, so that what cannot be said in a script is computed by a client and written if nobody
else was faster.
"""

from __future__ import annotations

from greenlithops.backends.state.steps import Script

MAKE = Script(
    """
    return once(function()
      redis.call('HSET', K, 'version', 0)
      note()
      return 1
    end)
    """
)

DICT = """
local H, O, G = K .. ':h', K .. ':k', K .. ':g'
local function set(field, value, key)
  if redis.call('HSET', H, field, value) == 1 then
    redis.call('ZADD', O, redis.call('HINCRBY', K, 'version', 1), field)
    if key ~= '' then redis.call('HSET', G, field, key) end
    if redis.call('HLEN', H) == 1 then
      keep(H)
      keep(O)
      keep(G)
    elseif key ~= '' then
      keep(G)
    end
  end
end
local function remove(field)
  redis.call('HDEL', H, field)
  redis.call('ZREM', O, field)
  redis.call('HDEL', G, field)
end
"""

# ARGV[6…]: field, value, key, field, value, key …
DICT_SET = Script(
    DICT
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      for i = 6, #ARGV, 3 do set(ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
      return 1
    end)
    """
)

DICT_SETDEFAULT = Script(
    DICT
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      local found = redis.call('HGET', H, ARGV[6])
      if found then return found end
      set(ARGV[6], ARGV[7], ARGV[8])
      return ARGV[7]
    end)
    """
)

DICT_POP = Script(
    DICT
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      local found = redis.call('HGET', H, ARGV[6])
      if not found then return {} end
      remove(ARGV[6])
      return {found}
    end)
    """
)

DICT_POPITEM = Script(
    DICT
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      local field = redis.call('ZRANGE', O, -1, -1)[1]
      if not field then return {} end
      local found = {field, redis.call('HGET', H, field), redis.call('HGET', G, field) or ''}
      remove(field)
      return found
    end)
    """
)

DICT_CLEAR = Script(
    DICT
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      redis.call('DEL', H, O, G)
      return 1
    end)
    """
)

DICT_ALL = Script(
    DICT
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    local fields = redis.call('ZRANGE', O, 0, -1)
    return {fields, redis.call('HGETALL', H), redis.call('HGETALL', G)}
    """
)

DICT_KEYS = Script(
    DICT
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return {redis.call('ZRANGE', O, 0, -1), redis.call('HGETALL', G)}
    """
)

DICT_LEN = Script(
    """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return redis.call('HLEN', K .. ':h')
    """
)

LIST = """
local I = K .. ':i'
local function changed() redis.call('HINCRBY', K, 'version', 1) end
local function push(first)
  for i = first, #ARGV, 1000 do
    redis.call('RPUSH', I, unpack(ARGV, i, math.min(i + 999, #ARGV)))
  end
  keep(I)
end
"""

LIST_EXTEND = Script(
    LIST
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      push(6)
      changed()
      return 1
    end)
    """
)

LIST_SET = Script(
    LIST
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      local at, length = tonumber(ARGV[6]), redis.call('LLEN', I)
      if at >= length or at < -length then return -1 end
      redis.call('LSET', I, at, ARGV[7])
      changed()
      return 1
    end)
    """
)

LIST_POP = Script(
    LIST
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      local at = tonumber(ARGV[6])
      local found = redis.call('LINDEX', I, at)
      if not found then return {} end
      if at == -1 then
        redis.call('RPOP', I)
      elseif at == 0 then
        redis.call('LPOP', I)
      else
        redis.call('LSET', I, at, 'gone ' .. me)
        redis.call('LREM', I, 1, 'gone ' .. me)
      end
      changed()
      return {found}
    end)
    """
)

LIST_ALL = Script(
    LIST
    + """
    local version = redis.call('HGET', K, 'version')
    if not version then return gone() end
    return {version, redis.call('LRANGE', I, 0, -1)}
    """
)

LIST_LEN = Script(
    LIST
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return redis.call('LLEN', I)
    """
)

# Replies 0 if somebody else was faster.
LIST_REPLACE = Script(
    LIST
    + """
    local version = redis.call('HGET', K, 'version')
    if not version then return gone() end
    return once(function()
      if version ~= ARGV[6] then return 0 end
      redis.call('DEL', I)
      if #ARGV > 6 then push(7) end
      changed()
      return 1
    end)
    """
)
