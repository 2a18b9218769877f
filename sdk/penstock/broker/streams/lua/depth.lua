-- What a queue holds, how fast that changes, and who works on it: one look that writes nothing. What the entries carry
-- stays here.

-- A value out of a reply of names and values.
local function field(flat, name)
  for at = 1, #flat, 2 do
    if flat[at] == name then return flat[at + 1] end
  end
end

-- How many of a stream's entries are claimed, and the last one that ever was. Without a group none was.
local function claimed(key)
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    if field(group, 'name') == GROUP then return field(group, 'pending'), field(group, 'last-delivered-id') end
  end
  return 0, '0-0'
end

-- Who holds how many, over all streams. (An empty table would be packed as a list.)
local function count_holders(found, key)
  found.holding = found.holding or {}
  for _, share in ipairs(redis.call('XPENDING', key, GROUP)[4]) do
    found.holding[share[1]] = (found.holding[share[1]] or 0) + tonumber(share[2])
  end
end

-- Adds one stream to what was `found`. Entries are claimed in their order, so the first that waits follows the last that
-- was claimed.
local function look_at(keys, found, stream, now)
  local key = keys[stream]
  local info = redis.call('XINFO', 'STREAM', key)
  local length = field(info, 'length')
  if stream ~= RELEASED then found.arrived = found.arrived + field(info, 'entries-added') end
  if length == 0 then return end
  local held, last = claimed(key)
  local ready = math.max(0, length - held)
  found.ready, found.in_flight = found.ready + ready, found.in_flight + held
  if stream <= 4 then found.by_priority[stream] = ready end
  if held > 0 then count_holders(found, key) end
  local first = ready > 0 and redis.call('XRANGE', key, '(' .. last, '+', 'COUNT', 1)[1]
  if first then found.oldest = math.max(found.oldest, now - tonumber(string.match(first[1], '^%d+'))) end
end

-- All streams that there are: none before the first task, all six from the first worker on.
local function look_at_streams(keys, found, now)
  local there = redis.call('EXISTS', unpack(keys, 1, STREAMS))
  if there == 0 then return end
  for stream = 1, STREAMS do
    if there == STREAMS or redis.call('EXISTS', keys[stream]) == 1 then look_at(keys, found, stream, now) end
  end
end

-- What the limits leave to be started. Nothing is said where there is none; a rate for each key is none of the queue's.
local function look_at_limits(keys, found, now)
  local set = redis.call('HMGET', keys[SETTINGS], 'paused', 'max', 'rate_interval', 'rate_burst', 'rate_per_key')
  local gate = { interval = tonumber(set[3] or nil), burst = tonumber(set[4] or 1), rate_per_key = set[5] == '1',
    room = math.huge }
  found.paused = set[1] == '1'
  if set[2] then found.places = math.max(0, tonumber(set[2]) - found.in_flight) end
  apply_rate(keys, gate, now)
  if gate.room < math.huge then found.burst, found.rate = gate.room, 1000 / gate.interval end
end

-- Who attends: {consumer, worker, tasks that it runs, whether it rests, ms since its last word}.
local function attendance(keys, now)
  local flat, found = redis.call('HGETALL', keys[WORKERS]), {}
  for at = 1, #flat, 2 do
    local worker, seen, busy, rests = unpack(cmsgpack.unpack(flat[at + 1]))
    if now - seen < GONE_MS then
      found[#found + 1] = { flat[at], worker, busy, rests > now, math.max(0, now - seen) }
    end
  end
  return found
end

-- ARGV: how many ms ahead a delayed task counts as due. Returns a msgpack map by the names of `Depth`; seconds are ms.
local function depth(keys, args)
  local now, delayed, due = now_ms(), 0, 0
  for _, set in ipairs({ DELAYED, PACED }) do
    local count = redis.call('ZCARD', keys[set])
    delayed = delayed + count
    if count > 0 then due = due + redis.call('ZCOUNT', keys[set], '-inf', now + tonumber(args[1])) end
  end
  local settled, ran = unpack(redis.call('BITFIELD_RO', keys[LOAD], 'GET', 'i64', '#0', 'GET', 'i64', '#1'))
  local found = { ready = 0, in_flight = 0, arrived = 0, oldest = 0, by_priority = { 0, 0, 0, 0 }, due = due,
    delayed = delayed - due, gated = redis.call('ZCARD', keys[GATED]),
    dead = redis.call('ZCARD', keys[DEAD]), parked = redis.call('ZCARD', keys[PARKED]),
    blocked = redis.call('ZCARD', keys[BLOCKED]), ended = redis.call('HLEN', keys[ENDED]),
    settled = settled, ran = ran, workers = attendance(keys, now) }
  look_at_streams(keys, found, now)
  look_at_limits(keys, found, now)
  return cmsgpack.pack(found)
end

-- Asks to be told on a channel of the next task, unless there is something to do already: whatever comes after this step
-- finds the mark. ARGV: the channel. Returns 1, or 0 if there is.
local function doze(keys, args)
  local now = now_ms()
  local work = redis.call('ZCOUNT', keys[DELAYED], '-inf', now) + redis.call('ZCOUNT', keys[PACED], '-inf', now)
    + redis.call('HLEN', keys[ENDED])
  for stream = 1, STREAMS do work = work + redis.call('XLEN', keys[stream]) end
  if work > 0 then return 0 end
  redis.call('HSET', keys[SETTINGS], 'dozing', args[1])
  return 1
end
