-- Dead letters: tasks that nobody could bring to a good end. Each keeps its message and its state for a replay.

-- Forgets dead letters that are too old or too many.
local function trim_dead(keys, now)
  local set = redis.call('HMGET', keys[SETTINGS], 'dead_ms', 'dead_length')
  local old = redis.call('ZRANGEBYSCORE', keys[DEAD], '-inf', now - tonumber(set[1] or 604800000), 'LIMIT', 0, 100)
  local excess = redis.call('ZCARD', keys[DEAD]) - #old - tonumber(set[2] or 10000)
  if excess > 0 then old = redis.call('ZRANGE', keys[DEAD], 0, #old + math.min(excess, 100) - 1) end
  for _, id in ipairs(old) do
    redis.call('ZREM', keys[DEAD], id)
    redis.call('HDEL', keys[HELD], id)
    redis.call('HDEL', keys[BURIED], id)
  end
end

-- What of a state belongs to the task and not to its attempts: a replay begins with it.
local LASTING = { 'priority', 'key', 'unique', 'scope', 'keep', 'unique_ms', 'linked', 'checkpoint' }

local function bury(keys, id, state, message, now)
  local kept, some = {}, false
  state.priority = priority_of(state)
  for _, name in ipairs(LASTING) do
    kept[name] = state[name]
    some = some or (state[name] and name ~= 'priority')
  end
  redis.call('ZADD', keys[DEAD], now, id)
  redis.call('HSET', keys[HELD], id, message)
  if some then redis.call('HSET', keys[BURIED], id, cmsgpack.pack(kept)) end
  trim_dead(keys, now)
end

-- Makes a dead letter an ordinary task again. Its idempotency key is its own where it has kept it, or it is free; where
-- another task has it by now, it runs without.
local function replay(keys, record, id, priority, message, now)
  local packed = redis.call('HGET', keys[BURIED], id)
  local state = packed and cmsgpack.unpack(packed) or {}
  if state.unique and hold_unique(keys, id, state, now) then state.unique = nil end
  redis.call('DEL', record)
  push(keys, priority, id, state, message)
  save(keys, id, state)
end

-- Takes dead letters off: to be run again from the first attempt (replay 1), or for good. KEYS: a record per id.
-- ARGV: replay, then per letter  id, priority, message ('' as it is). Returns how many there were.
local function exhume(keys, args)
  local found, now = 0, now_ms()
  for i = 0, (#args - 1) / 3 - 1 do
    local id, priority, message = args[2 + i * 3], tonumber(args[3 + i * 3]), args[4 + i * 3]
    if redis.call('ZREM', keys[DEAD], id) == 1 then
      local kept = redis.call('HGET', keys[HELD], id)
      if args[1] == '1' and kept then
        replay(keys, keys[FIRST_RECORD + i], id, priority, message ~= '' and message or kept, now)
      end
      redis.call('HDEL', keys[HELD], id)
      redis.call('HDEL', keys[BURIED], id)
      found = found + 1
    end
  end
  if args[1] == '1' and found > 0 then wake_any(keys) end
  return found
end

