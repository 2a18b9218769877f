-- Ends attempts. One step acknowledges the message and writes what became of it; only the lease's holder may.
-- KEYS: the fixed set, then a record per task.
-- ARGV: channel of outcomes, control channel, then per task
--   id, nonce, verb, phase, outcome, outbox (1: also for the resource), delay ms, life ms
-- Verbs:  end (terminal) · retry (again after the delay) · release (hand back: the attempt doesn't count) ·
--   park (nobody here knows its name: it waits, outside the depth, for a worker that does; doesn't count either) ·
--   crash (it took its process down; it runs again)
-- Returns per task 1 (settled) or 0 (the lease is lost; nothing was written).
local FIELDS = 8

-- Forgets dead letters that are too old or too many.
local function trim_dead(keys, now)
  local set = redis.call('HMGET', keys[SETTINGS], 'dead_ms', 'dead_length')
  local old = redis.call('ZRANGEBYSCORE', keys[DEAD], '-inf', now - tonumber(set[1] or 604800000), 'LIMIT', 0, 100)
  local excess = redis.call('ZCARD', keys[DEAD]) - #old - tonumber(set[2] or 10000)
  if excess > 0 then old = redis.call('ZRANGE', keys[DEAD], 0, #old + math.min(excess, 100) - 1) end
  for _, id in ipairs(old) do
    redis.call('ZREM', keys[DEAD], id)
    redis.call('HDEL', keys[HELD], id)
  end
end

local function bury(keys, id, message, now)
  redis.call('ZADD', keys[DEAD], now, id)
  redis.call('HSET', keys[HELD], id, message)
  trim_dead(keys, now)
end

-- Writes the outcome in place of the state. An idempotency key until "finished" is free then, one "expired" (for a
-- time) only after a failure; `keep` keeps it after a failure too.
-- The caller drops the message and the state.
local function finish(keys, record, channel, id, state, phase, outcome, outbox, life)
  redis.call('SET', record, outcome, 'PX', life)
  if outbox == '1' then redis.call('HSET', keys[OUTBOX], id, outcome) end
  if state.unique then
    local failed = phase ~= 'Succeeded'
    if (failed and not state.keep) or (not failed and state.scope == 'finished') then free_unique(keys, id, state) end
  end
  announce(channel, id, state, outcome)
end

local function again(keys, id, state, stream, delay, message, now)
  state.queued = now + delay
  if delay > 0 then
    delay_until(keys, id, state, message, now + delay)
  else
    push(keys, stream, id, state, message)
  end
  save(keys, id, state)
end

local function park(keys, id, state, message, now)
  state.priority, state.stream = priority_of(state), nil
  redis.call('ZADD', keys[PARKED], now, id)
  redis.call('HSET', keys[HELD], id, message)
  save(keys, id, state)
end

-- Everything but an end: the task goes on waiting, in one place or another.
local function put_back(keys, id, state, verb, delay, now)
  local message = message_of(keys, id, state)
  local suspect = verb == 'release' and state.crashes
  drop(keys, state)
  state.nonce, state.paced = nil, nil
  if verb == 'retry' then state.retrying = 1 end
  if verb == 'crash' then state.crashes = (state.crashes or 0) + 1 end
  if verb == 'release' or verb == 'park' then state.attempts = math.max(0, (state.attempts or 0) - 1) end
  if verb == 'park' then return park(keys, id, state, message, now) end
  again(keys, id, state, suspect and SUSPECT or priority_of(state), delay, message, now)
end

-- Ends one attempt for good. What is dropped with it, `ended` collects: a batch costs one command for each kind.
local function end_one(keys, record, channel, state, now, ended, id, phase, outcome, outbox, life)
  if phase == 'DeadLettered' then bury(keys, id, message_of(keys, id, state) or '', now) end
  local entries = ended.entries[state.stream] or {}
  entries[#entries + 1], ended.entries[state.stream] = state.entry, entries
  ended.ids[#ended.ids + 1] = id
  finish(keys, record, channel, id, state, phase, outcome, outbox, life)
end

local function settle(keys, args)
  local answers, now, ids, ended = {}, now_ms(), {}, { ids = {}, entries = {} }
  for at = 3, #args, FIELDS do ids[#ids + 1] = args[at] end
  local states = load_all(keys, ids)
  for i, id in ipairs(ids) do
    local nonce, verb, phase, outcome, outbox, delay, life = unpack(args, 4 + (i - 1) * FIELDS, 2 + i * FIELDS)
    local state = states[i]
    if not state or state.nonce ~= nonce then
      answers[i] = 0
    else
      if verb == 'end' then
        end_one(keys, keys[FIRST_RECORD + i - 1], args[1], state, now, ended, id, phase, outcome, outbox, life)
      else
        put_back(keys, id, state, verb, tonumber(delay), now)
      end
      free_key(keys, state)
      answers[i] = 1
    end
  end
  if #ended.ids > 0 then
    redis.call('HDEL', keys[TASKS], unpack(ended.ids))
    drop_all(keys, ended.entries)
  end
  tell_room(keys, args[2])
  return answers
end
