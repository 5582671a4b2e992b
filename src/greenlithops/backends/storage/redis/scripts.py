"""What runs within the server: each script is one operation, seen whole by others or not at all.

An object is a string with its bytes and a hash with what is known of it (`size`, `etag`,
`modified`, `type`, `metadata`, `crc`); a sorted set of each bucket has its keys in the order of
their bytes. An upload is a hash of its parts' sizes, and a string for each part.
"""

BUCKET = """
local function bucket(name)
  if redis.call('EXISTS', name) == 0 then return redis.error_reply('NOBUCKET') end
end
local function changed(info, absent, etag)
  local now = redis.call('HGET', info, 'etag')
  if absent == '1' and now then return redis.error_reply('CONDITION') end
  if etag ~= '' and now ~= etag then return redis.error_reply('CONDITION') end
end
local function clock()
  local time = redis.call('TIME')
  return time[1] .. '.' .. string.format('%06d', time[2])
end
"""

#: KEYS: bucket, info, data, index. ARGV: key, body, absent, if_match, etag, type, metadata, crc
PUT = (
    BUCKET
    + """
local wrong = bucket(KEYS[1]) or changed(KEYS[2], ARGV[3], ARGV[4])
if wrong then return wrong end
local now = clock()
redis.call('SET', KEYS[3], ARGV[2])
redis.call('HSET', KEYS[2], 'size', #ARGV[2], 'etag', ARGV[5], 'modified', now,
  'type', ARGV[6], 'metadata', ARGV[7], 'crc', ARGV[8])
redis.call('ZADD', KEYS[4], 0, ARGV[1])
return now
"""
)

#: KEYS: bucket, info, data. ARGV: start, stop (empty: none), if_match, ranged, bytes at most
READ = (
    BUCKET
    + """
local wrong = bucket(KEYS[1])
if wrong then return wrong end
local info = redis.call('HMGET', KEYS[2],
  'size', 'etag', 'modified', 'type', 'metadata', 'crc')
if not info[1] then return redis.error_reply('NOKEY') end
if ARGV[3] ~= '' and ARGV[3] ~= info[2] then return redis.error_reply('CONDITION') end
local size = tonumber(info[1])
local start, stop = tonumber(ARGV[1]), tonumber(ARGV[2]) or size
if start < 0 then start = math.max(0, size + start) end
stop = math.min(stop, size)
if ARGV[4] == '1' and start >= stop then return redis.error_reply('RANGE ' .. size) end
local most = math.min(stop, start + tonumber(ARGV[5]))
local data = ''
if most > start then data = redis.call('GETRANGE', KEYS[3], start, most - 1) end
return {info, start, stop, data}
"""
)

#: KEYS: info, data. ARGV: etag, start, stop
MORE = """
if redis.call('HGET', KEYS[1], 'etag') ~= ARGV[1] then return redis.error_reply('CHANGED') end
return redis.call('GETRANGE', KEYS[2], ARGV[2], ARGV[3] - 1)
"""

#: KEYS: bucket, index. ARGV: prefix, delimiter, from where, how many, beginning of infos' names
LIST = (
    BUCKET
    + """
local wrong = bucket(KEYS[1])
if wrong then return wrong end
local prefix, delimiter, from, limit = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local stop = '+'
if prefix ~= '' then stop = '(' .. prefix .. '\\255' end
local step = limit
if delimiter ~= '' then step = 100 end
local objects, prefixes = {}, {}
while true do
  local found = redis.call('ZRANGEBYLEX', KEYS[2], from, stop, 'LIMIT', 0, step)
  if #found == 0 then return {objects, prefixes, ''} end
  for _, key in ipairs(found) do
    if #objects + #prefixes == limit then return {objects, prefixes, from} end
    local last
    if delimiter ~= '' then _, last = string.find(key, delimiter, #prefix + 1, true) end
    if last then
      local rolled = string.sub(key, 1, last)
      table.insert(prefixes, rolled)
      from = '(' .. rolled .. '\\255'
      break
    end
    local info = redis.call('HMGET', ARGV[5] .. key, 'size', 'etag', 'modified')
    table.insert(objects, {key, info[1], info[2], info[3]})
    from = '(' .. key
  end
end
"""
)

#: KEYS: bucket, index, then info and data of each. ARGV: the keys
DELETE = (
    BUCKET
    + """
local wrong = bucket(KEYS[1])
if wrong then return wrong end
for n, key in ipairs(ARGV) do
  redis.call('UNLINK', KEYS[1 + 2 * n], KEYS[2 + 2 * n])
  redis.call('ZREM', KEYS[2], key)
end
"""
)

#: KEYS: bucket, info, data of the source; bucket, info, data, index. ARGV: etag, key, new etag
COPY = (
    BUCKET
    + """
local wrong = bucket(KEYS[1]) or bucket(KEYS[4])
if wrong then return wrong end
local now = redis.call('HGET', KEYS[2], 'etag')
if not now then return redis.error_reply('NOKEY') end
if now ~= ARGV[1] then return redis.error_reply('CONDITION') end
if KEYS[2] ~= KEYS[5] then
  redis.call('COPY', KEYS[3], KEYS[6], 'REPLACE')
  redis.call('COPY', KEYS[2], KEYS[5], 'REPLACE')
end
redis.call('HSET', KEYS[5], 'etag', ARGV[3], 'modified', clock())
redis.call('ZADD', KEYS[7], 0, ARGV[2])
return redis.call('HMGET', KEYS[5], 'size', 'etag', 'modified', 'type', 'metadata')
"""
)

#: KEYS: bucket, index, uploads. ARGV: beginning of uploads' names, of parts' names
DELETE_BUCKET = (
    BUCKET
    + """
local wrong = bucket(KEYS[1])
if wrong then return wrong end
if redis.call('ZCARD', KEYS[2]) > 0 then return redis.error_reply('NOTEMPTY') end
for _, upload in ipairs(redis.call('SMEMBERS', KEYS[3])) do
  for _, number in ipairs(redis.call('HKEYS', ARGV[1] .. upload)) do
    redis.call('UNLINK', ARGV[2] .. upload .. '/' .. number)
  end
  redis.call('DEL', ARGV[1] .. upload)
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
"""
)

#: KEYS: bucket, upload, uploads. ARGV: id
START = (
    BUCKET
    + """
local wrong = bucket(KEYS[1])
if wrong then return wrong end
redis.call('HSET', KEYS[2], 'begun', clock())
redis.call('SADD', KEYS[3], ARGV[1])
"""
)

#: KEYS: upload, part. ARGV: number, body
PART = """
if redis.call('EXISTS', KEYS[1]) == 0 then return redis.error_reply('NOUPLOAD') end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[1], ARGV[1], #ARGV[2])
"""

#: KEYS: bucket, info, data, index, upload, uploads, then the parts.
#: ARGV: key, id, absent, if_match, etag, type, metadata, beginning of parts' names
FINISH = (
    BUCKET
    + """
local wrong = bucket(KEYS[1])
if wrong then return wrong end
if redis.call('EXISTS', KEYS[5]) == 0 then return redis.error_reply('NOUPLOAD') end
wrong = changed(KEYS[2], ARGV[3], ARGV[4])
if wrong then return wrong end
for n = 7, #KEYS do
  if redis.call('EXISTS', KEYS[n]) == 0 then return redis.error_reply('NOUPLOAD') end
end
local whole = ARGV[8] .. ARGV[2] .. '/whole'
redis.call('SET', whole, '')
for n = 7, #KEYS do
  local done = redis.pcall('APPEND', whole, redis.call('GET', KEYS[n]))
  if type(done) == 'table' then
    redis.call('DEL', whole)
    return done
  end
end
local size = redis.call('STRLEN', whole)
redis.call('RENAME', whole, KEYS[3])
local now = clock()
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'size', size, 'etag', ARGV[5], 'modified', now,
  'type', ARGV[6], 'metadata', ARGV[7], 'crc', '')
redis.call('ZADD', KEYS[4], 0, ARGV[1])
for _, number in ipairs(redis.call('HKEYS', KEYS[5])) do
  redis.call('UNLINK', ARGV[8] .. ARGV[2] .. '/' .. number)
end
redis.call('DEL', KEYS[5])
redis.call('SREM', KEYS[6], ARGV[2])
return {now, size}
"""
)

#: KEYS: upload, uploads. ARGV: id, beginning of parts' names
ABORT = """
for _, number in ipairs(redis.call('HKEYS', KEYS[1])) do
  redis.call('UNLINK', ARGV[2] .. ARGV[1] .. '/' .. number)
end
redis.call('DEL', KEYS[1])
redis.call('SREM', KEYS[2], ARGV[1])
"""
