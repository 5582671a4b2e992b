"""The scripts of events and barriers."""

from __future__ import annotations

from greenlithops.backends.state.steps import Script

MAKE = Script(
    """
    return once(function()
      redis.call('HSET', K, unpack(ARGV, 6))
      note()
      return 1
    end)
    """
)

SET = Script(
    """
    if redis.call('EXISTS', K) == 0 then return gone() end
    redis.call('HSET', K, 'set', 1)
    while true do
      local token = redis.call('LPOP', K .. ':w')
      if not token then break end
      wake(K, token, '1')
    end
    keep(K)
    return 1
    """
)

CLEAR = Script(
    """
    if redis.call('EXISTS', K) == 0 then return gone() end
    redis.call('HSET', K, 'set', 0)
    keep(K)
    return 1
    """
)

IS_SET = Script(
    """
    local flag = redis.call('HGET', K, 'set')
    if not flag then return gone() end
    return tonumber(flag)
    """
)

AWAIT_SET = Script(
    """
    local flag = redis.call('HGET', K, 'set')
    if not flag then return gone() end
    if flag == '1' or answered(K) then return {1, '1'} end
    stand(K .. ':w')
    live()
    keep(K)
    return {0, ARGV[3]}
    """
)

BARRIER = """
local function everyone(value)
  while true do
    local token = redis.call('LPOP', K .. ':w')
    if not token then return end
    wake(K, token, value)
  end
end
local function state()
  local now = redis.call('HMGET', K, 'state', 'count', 'parties')
  return now[1], tonumber(now[2] or 0), tonumber(now[3] or 0)
end
"""

# Replies {1, index} to the last one, {2, index} to a last one that has something to do first.
ARRIVE = Script(
    BARRIER
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      local answer = answered(K)
      if answer then return {1, answer} end
      local now, count, parties = state()
      if now == 'broken' then return {1, 'broken'} end
      if redis.call('LPOS', K .. ':w', me) then
        keep(K .. ':w')
        return {0, ARGV[3]}
      end
      if now == 'acting' then
        stand(K .. ':b')
        return {0, ARGV[3]}
      end
      if count + 1 == parties then
        redis.call('HSET', K, 'count', 0)
        if ARGV[6] == '1' then
          redis.call('HSET', K, 'state', 'acting')
          return {2, tostring(count)}
        end
        everyone('go')
        return {1, tostring(count)}
      end
      redis.call('HSET', K, 'count', count + 1)
      stand(K .. ':w')
      keep(K)
      live()
      return {0, ARGV[3], tostring(count)}
    end)
    """
)

# The one whose action has ended lets all go; those who came meanwhile are asked to come again.
ACTED = Script(
    BARRIER
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      redis.call('HSET', K, 'state', 'open')
      everyone('go')
      while true do
        local token = redis.call('LPOP', K .. ':b')
        if not token then break end
        wake(K, token, 'again')
      end
      return 1
    end)
    """
)

# One whose time is up breaks the barrier for all, unless it was let go just now.
BREAK = Script(
    BARRIER
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      local answer = ARGV[6] == 'late' and redis.call('LPOP', awaited(K, me))
      if answer then return {1, answer} end
      redis.call('HSET', K, 'state', 'broken', 'count', 0)
      everyone('broken')
      return {1, 'broken'}
    end)
    """
)

RESET = Script(
    BARRIER
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      redis.call('HSET', K, 'state', 'open', 'count', 0)
      everyone('broken')
      return 1
    end)
    """
)

ABOUT = Script(
    BARRIER
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    local now, count = state()
    return {now, count}
    """
)
