"""The scripts of pipes: messages in one direction, and who still has which end.

`w:<process>` counts the writing ends that a process has open, `r:<process>` the reading ones.
`fw:…`, `fr:…` are on their way to another process, with the time when who sent them off closed
its own; `a:…` have arrived before that.
"""

from __future__ import annotations

from greenlithops.backends.state.steps import Script

LIBRARY = """
local I = K .. ':i'
local function now() return tonumber(redis.call('TIME')[1]) end
local function open_ends(side)
  local fields = redis.call('HGETALL', K)
  local count = 0
  for i = 1, #fields, 2 do
    local name = string.match(fields[i], '^' .. side .. ':(.*)$')
    if name and tonumber(fields[i + 1]) > 0 then
      if redis.call('EXISTS', life(name)) == 1 then
        count = count + 1
      else
        redis.call('HDEL', K, fields[i])
      end
    elseif string.sub(fields[i], 1, 3) == 'f' .. side .. ':' then
      if now() - tonumber(fields[i + 1]) < 60 then count = count + 1 end
    end
  end
  return count
end
local function tell(list, value)
  while true do
    local token = redis.call('LPOP', list)
    if not token then return end
    wake(list, token, value)
  end
end
local function news()
  tell(K .. ':x', '1')
end
local function ended()
  tell(K .. ':w', '')
  news()
end
"""

# ARGV[6]: which end is opened here: 'w' or 'r'; ARGV[7]: the token that it travelled with.
OPEN = Script(
    """
    return once(function()
      if redis.call('EXISTS', K) == 0 then
        if ARGV[7] ~= '' then return -1 end
        redis.call('HSET', K, 'is', 'stream')
        note()
      end
      live()
      redis.call('HINCRBY', K, ARGV[6] .. ':' .. process(me), 1)
      if ARGV[7] ~= '' then
        redis.call('HDEL', K, 'f' .. ARGV[6] .. ':' .. ARGV[7])
        redis.call('HSET', K, 'a:' .. ARGV[7], 1)
      end
      return 1
    end)
    """
)

# ARGV[7…]: tokens of ends that this one was sent off as, which may not have arrived yet.
CLOSE = Script(
    LIBRARY
    + """
    if redis.call('EXISTS', K) == 0 then return 0 end
    return once(function()
      for i = 7, #ARGV do
        if redis.call('HDEL', K, 'a:' .. ARGV[i]) == 0 then
          redis.call('HSET', K, 'f' .. ARGV[6] .. ':' .. ARGV[i], now())
        end
      end
      local name = ARGV[6] .. ':' .. process(me)
      if redis.call('HINCRBY', K, name, -1) <= 0 then redis.call('HDEL', K, name) end
      if ARGV[6] == 'w' and open_ends('w') == 0 then ended() end
      return 1
    end)
    """
)

SEND = Script(
    LIBRARY
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      if open_ends('r') == 0 then return -1 end
      local list = K .. ':w'
      while true do
        local token = redis.call('LPOP', list)
        if not token then break end
        if alive(token) then
          wake(list, token, ARGV[6])
          return 1
        end
      end
      if redis.call('RPUSH', I, ARGV[6]) == 1 then keep(I) end
      news()
      return 1
    end)
    """
)

RECEIVE = Script(
    LIBRARY
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      local list = K .. ':w'
      local message = again and answered(list) or redis.call('LPOP', I)
      if message then return {1, message} end
      if open_ends('w') == 0 then return {1, ''} end
      if not again then answered(list) end
      live()
      stand(list)
      keep(K)
      return {0, ARGV[3]}
    end)
    """
)

RECEIVE_GIVE_UP = Script(
    LIBRARY
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    return once(function()
      local list = K .. ':w'
      redis.call('LREM', list, 0, me)
      local message = redis.call('LPOP', awaited(list, me))
      if message and message ~= '' then
        redis.call('LPUSH', I, message)
        keep(I)
      end
      return {0, 0}
    end)
    """
)

WATCH = Script(
    LIBRARY
    + """
    if redis.call('EXISTS', K) == 0 then return gone() end
    if redis.call('LLEN', I) > 0 or open_ends('w') == 0 then return {1, '1'} end
    redis.call('DEL', awaited(K .. ':x', me))
    if ARGV[6] ~= '1' then return {0, 0} end
    live()
    stand(K .. ':x')
    keep(K)
    return {0, ARGV[3]}
    """
)

UNWATCH = Script("redis.call('LREM', K .. ':x', 0, me) return {0, 0}")
