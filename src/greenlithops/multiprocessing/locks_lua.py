"""The scripts of locks and semaphores: counts with holders, whose units outlive nobody.

A semaphore is a hash: `value` units are free, and `h:<process>` of them are held by a process.
A process that is not heard of any more has its units taken away as soon as somebody wants them.
Those who wait stand in a list, and get a unit handed in their order.
"""

from __future__ import annotations

from greenlithops.backends.state.steps import Script

LIBRARY = """
local function state(S, token)
  return redis.call('HMGET', S, 'value', 'fence', 'h:' .. process(token))
end
local function hand(S, token, now)
  local held = 'h:' .. process(token)
  local fence = now[2] + 1
  redis.call('HSET', S, 'value', now[1] - 1, 'fence', fence, held, (now[3] or 0) + 1)
  return fence
end
local function pass_on(S)
  while true do
    local token = redis.call('LPOP', S .. ':w')
    if not token then return end
    if alive(token) then
      wake(S, token, hand(S, token, state(S, token)))
      if tonumber(redis.call('HGET', S, 'value')) <= 0 then return end
    end
  end
end
local function bury(S)
  local soonest = tonumber(ARGV[3])
  local fields = redis.call('HGETALL', S)
  for i = 1, #fields, 2 do
    local name = string.match(fields[i], '^h:(.*)$')
    if name and tonumber(fields[i + 1]) > 0 then
      local left = redis.call('PTTL', life(name))
      if left < 0 then
        redis.call('HINCRBY', S, 'value', fields[i + 1])
        redis.call('HDEL', S, fields[i])
      elseif left < soonest then
        soonest = left
      end
    end
  end
  if tonumber(redis.call('HGET', S, 'value')) > 0 then pass_on(S) end
  return soonest + 20
end
local function take_back(S, name, fence)
  local held = 'h:' .. name
  local now = redis.call('HMGET', S, 'value', 'max', 'fence', held)
  if not now[1] then return gone() end
  local value, max, mine = tonumber(now[1]), tonumber(now[2]), tonumber(now[4] or 0)
  if fence ~= '' and now[3] ~= fence then return -2 end
  if max > 0 and value >= max then return -1 end
  if mine > 0 then
    redis.call('HSET', S, 'value', value + 1, held, mine - 1)
  else
    redis.call('HSET', S, 'value', value + 1)
    local fields = redis.call('HGETALL', S)
    for i = 1, #fields, 2 do
      if string.sub(fields[i], 1, 2) == 'h:' and tonumber(fields[i + 1]) > 0 then
        redis.call('HINCRBY', S, fields[i], -1)
        break
      end
    end
  end
  if value >= 0 then pass_on(S) end
  return 1
end
local function take(S, token, stay)
  local now = state(S, token)
  if not now[1] then return gone() end
  live()
  local answer = again and answered(S)
  if answer then return {1, answer} end
  if tonumber(now[1]) > 0 then return {1, hand(S, token, now)} end
  local soonest = bury(S)
  answer = again and answered(S)
  if answer then return {1, answer} end
  now = state(S, token)
  if tonumber(now[1]) > 0 then return {1, hand(S, token, now)} end
  if not stay then return {0, 0} end
  if not again then answered(S) end
  stand(S .. ':w')
  keep(S)
  return {0, soonest}
end
"""

MAKE = Script(
    """
    return once(function()
      redis.call('HSET', K, 'value', ARGV[6], 'max', ARGV[7], 'fence', 0)
      note()
      return 1
    end)
    """
)

ACQUIRE = Script(
    LIBRARY
    + """
    return once(function() return take(K, me, ARGV[6] == '1') end)
    """
)

GIVE_UP = Script(
    LIBRARY
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      redis.call('LREM', K .. ':w', 0, me)
      local fence = redis.call('LPOP', awaited(K, me))
      if not fence then return {0, 0} end
      if ARGV[#ARGV] == 'undo' then
        take_back(K, process(me), '')
        return {0, 0}
      end
      return {1, fence}
    end)
    """
)

RELEASE = Script(
    LIBRARY
    + """
    return once(function() return take_back(K, process(me), ARGV[6]) end)
    """
)

VALUE = Script(
    LIBRARY
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    bury(K)
    return redis.call('HGET', K, 'value')
    """
)

# A condition, KEYS[1], and its lock, KEYS[2]: stand in the list and let go of the lock at once.
WAIT = Script(
    LIBRARY
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      live()
      local answer = answered(K)
      if answer then return {1, answer} end
      stand(K .. ':w')
      keep(K)
      if not again then
        local freed = take_back(KEYS[2], process(me), ARGV[6])
        if type(freed) == 'table' then return freed end
        if freed < 0 then return {freed, 0} end
      end
      return {0, ARGV[3]}
    end)
    """
)

LEAVE = Script(
    """
    redis.call('LREM', K .. ':w', 0, me)
    if redis.call('LPOP', awaited(K, me)) then return {1, '1'} end
    return {0, 0}
    """
)

NOTIFY = Script(
    """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      local woken = 0
      while woken < tonumber(ARGV[6]) do
        local token = redis.call('LPOP', K .. ':w')
        if not token then break end
        if alive(token) then
          wake(K, token, '1')
          woken = woken + 1
        end
      end
      return woken
    end)
    """
)
