"""The scripts of queues: a list of items, and a hash that tells what the queue is.

An item goes straight to one who waits for it, if there is one, else into the list. Where the
number of items is limited, those who want to add one wait in a list of their own.
"""

from __future__ import annotations

from greenlithops.backends.state.steps import Script

MAKE = Script(
    """
    return once(function()
      redis.call('HSET', K, 'max', ARGV[6], 'open', 0)
      note()
      return 1
    end)
    """
)

LIBRARY = """
local I, B = K .. ':i', K .. ':b'
local max = redis.call('HGET', K, 'max')
if not max then return gone() end
max = tonumber(max)
local function hand_over(item)
  while true do
    local token = redis.call('LPOP', K .. ':w')
    if not token then break end
    if alive(token) then
      wake(K, token, item)
      return
    end
  end
  if redis.call('RPUSH', I, item) == 1 then keep(I) end
end
local function room() return max == 0 or redis.call('LLEN', I) < max end
local function one_less()
  while max > 0 and room() do
    local token = redis.call('LPOP', B)
    if not token then return end
    if alive(token) then
      local item = redis.call('GETDEL', B .. token)
      if item then
        wake(B, token, '1')
        hand_over(item)
      end
    end
  end
end
"""

# The usual case: there is room for ever, nobody waits, and tasks are not counted.
QUICK_PUT = """
if not (again or repeated) and ARGV[8] == '0' and redis.call('HGET', K, 'max') == '0'
  and redis.call('EXISTS', K .. ':w') == 0 then
  if redis.call('RPUSH', K .. ':i', ARGV[6]) == 1 then redis.call('PEXPIRE', K .. ':i', ttl) end
  return done({1, '1'})
end
"""

# A put that has to wait leaves its item with the server, which adds it when there is room.
PUT = Script(
    LIBRARY
    + """
    return once(function()
      if max > 0 then
        if answered(B) then return {1, '1'} end
        one_less()
        if again then
          if redis.call('LPOP', awaited(B, me)) then return {1, '1'} end
          redis.call('PEXPIRE', B .. me, ttl)
          live()
          return {0, ARGV[3]}
        end
        if not room() then
          if ARGV[7] ~= '1' then return {0, 0} end
          if ARGV[8] == '1' then redis.call('HINCRBY', K, 'open', 1) end
          live()
          redis.call('SET', B .. me, ARGV[6], 'PX', ttl)
          stand(B)
          return {0, ARGV[3]}
        end
      end
      if ARGV[8] == '1' then redis.call('HINCRBY', K, 'open', 1) end
      hand_over(ARGV[6])
      return {1, '1'}
    end)
    """,
    QUICK_PUT,
)

# The usual case: there is an item, and nobody waits to put one in.
QUICK_GET = """
if not (again or repeated) and redis.call('HGET', K, 'max') == '0' then
  local item = redis.call('LPOP', K .. ':i')
  if item then return done({1, item}) end
end
"""

PUT_GIVE_UP = Script(
    LIBRARY
    + """
    return once(function()
      if redis.call('LPOP', awaited(B, me)) then return {1, '1'} end
      redis.call('LREM', B, 0, me)
      if redis.call('DEL', B .. me) == 1 and ARGV[6] == '1' then
        redis.call('HINCRBY', K, 'open', -1)
      end
      return {0, 0}
    end)
    """
)

GET = Script(
    LIBRARY
    + """
    return once(function()
      local item = again and answered(K) or redis.call('LPOP', I)
      if item then
        one_less()
        if again then redis.call('LREM', K .. ':w', 0, me) end
        return {1, item}
      end
      if ARGV[6] ~= '1' then return {0, 0} end
      answered(K)
      live()
      stand(K .. ':w')
      keep(K)
      return {0, ARGV[3]}
    end)
    """,
    QUICK_GET,
)

GET_GIVE_UP = Script(
    LIBRARY
    + """
    return once(function()
      redis.call('LREM', K .. ':w', 0, me)
      local item = redis.call('LPOP', awaited(K, me))
      if not item then return {0, 0} end
      if ARGV[#ARGV] == 'undo' then
        redis.call('LPUSH', I, item)
        keep(I)
        return {0, 0}
      end
      return {1, item}
    end)
    """
)

COUNT = Script(
    """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return redis.call('LLEN', K .. ':i')
    """
)

TASK_DONE = Script(
    """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      local open = redis.call('HINCRBY', K, 'open', -1)
      if open < 0 then
        redis.call('HINCRBY', K, 'open', 1)
        return -1
      end
      if open == 0 then
        while true do
          local token = redis.call('LPOP', K .. ':x')
          if not token then break end
          wake(K .. ':x', token, '1')
        end
      end
      return 1
    end)
    """
)

JOIN = Script(
    """
    local open = redis.call('HGET', K, 'open')
    if not open then return gone() end
    if open == '0' or answered(K .. ':x') then return {1, '1'} end
    stand(K .. ':x')
    live()
    return {0, ARGV[3]}
    """
)

JOIN_LEAVE = Script("redis.call('LREM', K .. ':x', 0, me) return {0, 0}")
