-- Ends attempts. One step acknowledges the message and writes what became of it; only the lease's holder may.
-- KEYS: the fixed set, then a record per task.
-- ARGV: channel of outcomes, control channel, then groups of attempts that end alike, each
--   how many, verb, phase, outbox (1: also for the resource), delay ms, life ms, and per task  id, nonce, outcome
-- Verbs:  end (terminal) · retry (again after the delay) · release (hand back: the attempt doesn't count) ·
--   park (nobody here knows its name: it waits, outside the depth, for a worker that does; doesn't count either) ·
--   crash (it took its process down; it runs again)
-- Returns per task 1 (settled, now or by the same call before) or 0 (the lease is lost; nothing was written).
local GROUP_FIELDS, TASK_FIELDS = 6, 3

-- Keeps how a linked task ended until those whom that concerns have been told. A worker that settles it tells them,
-- unless it has children, of which he may not know; then, and if nobody settles it, the first to hear of it does.
local function keep_end(keys, control, id, state, outcome, message, settled)
  if not state.linked then return end
  local told = settled and not state.children
  local at = told and now_ms() or 0
  redis.call('HSET', keys[ENDED], id, cmsgpack.pack({ at, outcome, message, state.children or {}, state.waits or 0 }))
  if not told then
    redis.call('PUBLISH', control, 'ended ' .. queue_name(keys))
    wake_any(keys)
  end
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
  if verb == 'park' then
    state.starts = math.max(0, (state.starts or 0) - 1) -- its function was never called
    return park(keys, id, state, message, now)
  end
  again(keys, id, state, suspect and SUSPECT or priority_of(state), delay, message, now)
end

-- Ends one attempt for good. What is dropped with it, `batch` collects: it costs one command for each kind.
local function end_one(keys, batch, group, record, id, state, outcome)
  local failed = group.phase ~= 'Succeeded'
  local lot, index = lot_of(keys, batch.lots, id)
  local kept = state.linked or (lot and failed) or group.phase == 'DeadLettered'
  local message = kept and message_of(keys, id, state) or ''
  if lot then
    end_item(lot, index, group.phase, message) -- its batch keeps what failed, not the dead letters
  elseif group.phase == 'DeadLettered' then
    bury(keys, id, state, message, batch.now)
  end
  keep_end(keys, batch.control, id, state, outcome, message, true)
  local entries = batch.entries[state.stream]
  entries[#entries + 1] = state.entry
  batch.ended[#batch.ended + 1] = id
  finish(keys, record, batch.channel, id, state, group.phase, outcome, group.outbox, group.life)
end

-- Ends one attempt as its group does. Returns what `settle` returns for it.
local function settle_one(keys, batch, group, record, id, nonce, state, outcome)
  if not state or state.nonce ~= nonce then
    -- It was settled so before, and the answer was lost.
    return group.verb == 'end' and not state and redis.call('GET', record) == outcome and 1 or 0
  end
  if group.counts then
    batch.settled = batch.settled + 1
    batch.ran = batch.ran + batch.now - (state.started or batch.now)
  end
  if group.verb == 'end' then
    end_one(keys, batch, group, record, id, state, outcome)
  else
    put_back(keys, id, state, group.verb, group.delay, batch.now)
  end
  free_key(keys, id, state)
  return 1
end

-- The groups in ARGV, and the ids of their tasks. A group's tasks begin at `from`.
local function grouped(args)
  local groups, ids, at = {}, {}, 3
  while at < #args do
    local count, verb, phase, outbox, delay, life = unpack(args, at, at + GROUP_FIELDS - 1)
    at = at + GROUP_FIELDS
    local upto = at + (tonumber(count) - 1) * TASK_FIELDS
    groups[#groups + 1] = { from = at, upto = upto, verb = verb, phase = phase, outbox = outbox,
      delay = tonumber(delay), life = life, counts = verb ~= 'release' and verb ~= 'park' }
    for place = at, upto, TASK_FIELDS do ids[#ids + 1] = args[place] end
    at = upto + TASK_FIELDS
  end
  return groups, ids
end

-- Adds up what the attempts of one call took: one command, however many they were.
local function count_load(keys, batch)
  if batch.settled == 0 then return end
  local ran = math.max(0, batch.ran)
  redis.call('BITFIELD', keys[LOAD], 'INCRBY', 'i64', '#0', batch.settled, 'INCRBY', 'i64', '#1', ran)
end

local function settle(keys, args)
  local groups, ids = grouped(args)
  local answers, states = {}, load_all(keys, ids)
  local batch = { channel = args[1], control = args[2], now = now_ms(), ended = {}, seen = {}, lots = {},
    settled = 0, ran = 0, entries = { {}, {}, {}, {}, {}, {} } }
  for _, group in ipairs(groups) do
    for at = group.from, group.upto, TASK_FIELDS do
      local number = #answers + 1
      -- The states were read before: one that is named twice has changed since.
      local record, state = keys[FIRST_RECORD + number - 1], not batch.seen[args[at]] and unpacked(states[number]) or nil
      batch.seen[args[at]] = true
      answers[number] = settle_one(keys, batch, group, record, args[at], args[at + 1], state, args[at + 2])
    end
  end
  if #batch.ended > 0 then
    redis.call('HDEL', keys[TASKS], unpack(batch.ended))
    drop_all(keys, batch.entries)
  end
  close_lots(keys, batch.lots)
  count_load(keys, batch)
  tell_room(keys, args[2])
  return answers
end
