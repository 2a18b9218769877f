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
    redis.call('HSET', keys[SETTINGS], 'crowded', 1) -- somebody waits for room: whoever makes some tells
    gate.wait = 60000
  end
end

-- --- concurrency keys --------------------------------------------------------------------------------------------
-- A task has a place of its key by its id, in `holders`. So it can't have two, and nobody gives back what another has.
-- It gets the place when it starts, or when it is next in line: then the place is kept for it until it is claimed.

-- A key as the first part of a sorted set's members: a newline ends it there.
local ESCAPES = { ['%'] = '%25', ['\n'] = '%0A' }
local function part_of(key)
  return (string.gsub(key, '[%%\n]', ESCAPES)) .. '\n'
end

-- How many have a place of this key.
local function holders(keys, part)
  return redis.call('ZLEXCOUNT', keys[HOLDERS], '[' .. part, '[' .. part .. '\255')
end

-- Whether there is a place for another task of this key. `per_key`: the limit, nil where there is none.
local function has_room(keys, part, per_key)
  return not per_key or holders(keys, part) < per_key
end

-- Gives a task a place of its key. Returns whether there was one. A place that was kept for it is lost if the limit was
-- lowered meanwhile, and more have one than may start.
local function take_place(keys, id, state, per_key)
  local part = part_of(state.key)
  if redis.call('ZSCORE', keys[HOLDERS], part .. id) then
    if not per_key or holders(keys, part) <= per_key then return true end
    redis.call('ZREM', keys[HOLDERS], part .. id)
    return false
  end
  if not has_room(keys, part, per_key) then return false end
  redis.call('ZADD', keys[HOLDERS], 0, part .. id)
  return true
end

-- Makes a task ready that waits for its key, and keeps a place for it. A suspect still runs alone.
local function admit_gated(keys, part, member)
  local id = string.match(member, '^[^\n]*\n[^\n]*\n(.*)$')
  local state = load(keys, id)
  local message = unhold(keys, id, state or { gated = member })
  if not state or not message then return end
  redis.call('ZADD', keys[HOLDERS], 0, part .. id)
  push(keys, state.crashes and SUSPECT or RELEASED, id, state, message)
  save(keys, id, state)
end

-- A task gives its place back, if it has one. The next in line gets it, if the limit lets anybody start.
local function free_key(keys, id, state)
  if not state.key then return end
  local part = part_of(state.key)
  if redis.call('ZREM', keys[HOLDERS], part .. id) == 0 then return end
  local nearest = redis.call('ZRANGEBYLEX', keys[GATED], '[' .. part, '[' .. part .. '\255', 'LIMIT', 0, 1)[1]
  if not nearest then return end
  if has_room(keys, part, tonumber(redis.call('HGET', keys[SETTINGS], 'per_key') or nil)) then
    admit_gated(keys, part, nearest)
  end
end

-- After a change of the limit: makes those ready that wait and for whom there is room now. Some at a time, in the order
-- of the keys; `revisit` is how far that has come. Returns how many.
local function revisit_gated(keys, most)
  local cursor, admitted = redis.call('HGET', keys[SETTINGS], 'revisit'), 0
  if not cursor then return 0 end
  local per_key = tonumber(redis.call('HGET', keys[SETTINGS], 'per_key') or nil)
  for _ = 1, most do
    local nearest = redis.call('ZRANGEBYLEX', keys[GATED], cursor, '+', 'LIMIT', 0, 1)[1]
    if not nearest then
      redis.call('HDEL', keys[SETTINGS], 'revisit')
      return admitted
    end
    local part = string.match(nearest, '^[^\n]*\n')
    if has_room(keys, part, per_key) then
      admit_gated(keys, part, nearest)
      cursor, admitted = '(' .. nearest, admitted + 1
    else
      cursor = '(' .. part .. '\255'
    end
  end
  redis.call('HSET', keys[SETTINGS], 'revisit', cursor)
  return admitted
end

-- Reserves the moment of a task's start with the rate of its key, so that none comes back in vain. Whether that is later;
-- then it was laid aside.
local function paced_by_key(keys, gate, id, state, message, now)
  if not gate.interval or not gate.rate_per_key or state.paced then return false end
  local arrival, from = conforming_at(keys, gate, state.key, now)
  redis.call('ZADD', keys[RATE], arrival + gate.interval, state.key)
  state.paced = 1
  if from <= now then return false end
  drop(keys, state)
  hold(keys, id, state, message)
  redis.call('ZADD', keys[PACED], math.ceil(from), id)
  save(keys, id, state)
  return true
end

-- Whether a claimed task must wait for its key; if so it was laid aside. Those that wait keep their order.
local function held_by_key(keys, gate, id, state, message, now)
  if not state.key then return false end
  if paced_by_key(keys, gate, id, state, message, now) then return true end
  if take_place(keys, id, state, gate.per_key) then return false end
  local ms, number = string.match(state.entry, '(%d+)-(%d+)')
  drop(keys, state)
  hold(keys, id, state, message)
  state.gated = part_of(state.key) .. string.format('%d%s-%09d\n', state.priority, ms, number) .. id
  redis.call('ZADD', keys[GATED], 0, state.gated)
  save(keys, id, state)
  return true
end

-- Tells the workers that wait for room in a queue with a limit.
local function tell_room(keys, channel)
  if redis.call('HDEL', keys[SETTINGS], 'crowded') == 1 then
    redis.call('PUBLISH', channel, 'open ' .. queue_name(keys))
  end
end
