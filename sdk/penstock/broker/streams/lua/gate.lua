-- The queue's limits: pause, GCRA rates and concurrency, of the whole queue and of single keys. They are enforced where
-- leases are given and nowhere else, so live leases never exceed them, whatever a worker believes.

-- The limits now, with `room`: how many tasks may start, and `wait`: ms until it is worth asking again (0: any time).
local function open_gate(keys, now, already_read)
  local set = redis.call('HMGET', keys[SETTINGS],
    'paused', 'max', 'per_key', 'rate_interval', 'rate_burst', 'rate_per_key', 'max_crashes')
  local gate = {
    per_key = tonumber(set[3] or nil), interval = tonumber(set[4] or nil), burst = tonumber(set[5] or 1),
    rate_per_key = set[6] == '1', max_crashes = tonumber(set[7] or 3), room = math.huge, wait = 0, started = 0,
  }
  if set[1] == '1' then gate.room, gate.wait = 0, 60000 end
  if set[2] then
    gate.max_room = tonumber(set[2]) - pending(keys) + already_read
    gate.room = math.min(gate.room, gate.max_room)
  end
  return gate
end

-- The generic cell rate algorithm (ITU-T I.371; "virtual scheduling"): a task conforms if its theoretical arrival time
-- lies no further ahead than the burst allows. Returns the time from which the next start conforms.
local function conforming_at(keys, gate, key, now)
  local arrival = math.max(now, tonumber(redis.call('ZSCORE', keys[RATE], key) or 0))
  return arrival, arrival - (gate.burst - 1) * gate.interval
end

-- Narrows the room to what the queue's own rate lets start now.
local function apply_rate(keys, gate, now)
  if not gate.interval or gate.rate_per_key or gate.room <= 0 then return end
  local arrival, from = conforming_at(keys, gate, '', now)
  if from > now then
    gate.room, gate.wait = 0, math.ceil(from - now)
  else
    gate.room = math.min(gate.room, math.floor((now - from) / gate.interval) + 1)
    gate.arrival = arrival
  end
end

-- Counts what was started against the queue's rate, and tells how long it is no use to come again: whoever comes all
-- the same reads what he can't begin, and puts it back behind the others.
local function close_gate(keys, gate, now, taken)
  if gate.arrival and gate.started > 0 then
    local arrival = gate.arrival + gate.started * gate.interval
    redis.call('ZADD', keys[RATE], arrival, '')
    gate.wait = math.max(gate.wait, math.ceil(arrival - (gate.burst - 1) * gate.interval - now))
  end
  if gate.max_room and gate.max_room <= taken then
    redis.call('HSET', keys[RUNNING], '', 1) -- somebody waits for room: whoever makes some tells
    gate.wait = 60000
  end
end

-- Whether a claimed task must wait for its key; if so it was laid aside. A key's rate reserves a moment for each task,
-- so that none comes back in vain; a key's concurrency keeps the rest in their order until one ends.
local function held_by_key(keys, gate, id, state, message, now)
  if not state.key then return false end
  if gate.interval and gate.rate_per_key and not state.paced then
    local arrival, from = conforming_at(keys, gate, state.key, now)
    redis.call('ZADD', keys[RATE], arrival + gate.interval, state.key)
    state.paced = 1
    if from > now then
      drop(keys, state)
      delay_until(keys, id, state, message, math.ceil(from))
      save(keys, id, state)
      return true
    end
  end
  local running = tonumber(redis.call('HGET', keys[RUNNING], state.key) or 0)
  if gate.per_key and running >= gate.per_key then
    local entry = state.entry
    drop(keys, state)
    state.priority, state.stream = priority_of(state), nil
    local ms, number = string.match(entry, '(%d+)-(%d+)')
    state.gated = string.format('%s\n%d%s-%09d\n%s', state.key, state.priority, ms, number, id)
    redis.call('ZADD', keys[GATED], 0, state.gated)
    redis.call('HSET', keys[HELD], id, message)
    save(keys, id, state)
    return true
  end
  redis.call('HINCRBY', keys[RUNNING], state.key, 1)
  return false
end

-- A running task ended, or was taken from its worker: its key has a place for the next in line.
local function free_key(keys, state)
  if not state.key then return end
  if redis.call('HINCRBY', keys[RUNNING], state.key, -1) <= 0 then redis.call('HDEL', keys[RUNNING], state.key) end
  local from = '[' .. state.key .. '\n'
  local nearest = redis.call('ZRANGEBYLEX', keys[GATED], from, from .. '\255', 'LIMIT', 0, 1)[1]
  if not nearest then return end
  local id = string.match(nearest, '\n[^\n]*\n(.*)$')
  local freed = load(keys, id)
  local message = unhold(keys, id, freed or { gated = nearest })
  if not freed or not message then return end
  push(keys, RELEASED, id, freed, message)
  save(keys, id, freed)
end

-- Tells the workers that wait for room in a queue with a limit.
local function tell_room(keys, channel)
  if redis.call('HDEL', keys[RUNNING], '') == 1 then
    redis.call('PUBLISH', channel, 'open ' .. queue_name(keys))
  end
end
