-- What happens to tasks from outside a worker: becoming due, being cancelled, being waited for, being replayed.

-- Puts a held message onto its stream. Returns 1, or 0 where nothing is known of it any more.
local function ready(keys, id, repace)
  local state = load(keys, id) or {}
  local message = unhold(keys, id, state)
  if not message then return 0 end
  if repace then state.paced = nil end
  push(keys, priority_of(state), id, state, message)
  save(keys, id, state)
  return 1
end

-- A change of the rate makes all moments that were reserved by the old one due at once, in their order, by scores that
-- no moment of ours has: they are in January 1970. At their next start, those tasks reserve a moment anew.
local LONG_AGO = 1e10

local function repace(keys)
  redis.call('DEL', keys[RATE])
  redis.call('ZUNIONSTORE', keys[PACED], 1, keys[PACED], 'WEIGHTS', 0.001)
end

-- Makes due messages ready. ARGV: most. Returns {how many, ms until the next is due (-1: none waits)}.
local function promote(keys, args)
  local moved, now = 0, now_ms()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', keys[DELAYED], '-inf', now, 'LIMIT', 0, args[1])) do
    moved = moved + ready(keys, id)
  end
  local paced = redis.call('ZRANGEBYSCORE', keys[PACED], '-inf', now, 'WITHSCORES', 'LIMIT', 0, args[1])
  for at = 1, #paced, 2 do moved = moved + ready(keys, paced[at], tonumber(paced[at + 1]) < LONG_AGO) end
  moved = moved + revisit_gated(keys, tonumber(args[1]))
  if moved > 0 then wake_any(keys) end
  local nearest = redis.call('HEXISTS', keys[SETTINGS], 'revisit') == 1 and now or math.huge
  for _, set in ipairs({ DELAYED, PACED }) do
    nearest = math.min(nearest, tonumber(redis.call('ZRANGE', keys[set], 0, 0, 'WITHSCORES')[2] or math.huge))
  end
  return { moved, nearest < math.huge and math.max(0, nearest - now) or -1 }
end

-- Makes parked messages ready again. ARGV: the ids. Returns how many moved.
local function unpark(keys, args)
  local moved = 0
  for _, id in ipairs(args) do
    if redis.call('ZSCORE', keys[PARKED], id) then moved = moved + ready(keys, id) end
  end
  if moved > 0 then wake_any(keys) end
  return moved
end

-- Takes a task that doesn't run off the queue. A place that was kept for it goes to the next in line.
local function remove(keys, id, state)
  unhold(keys, id, state)
  drop(keys, state)
  free_key(keys, id, state)
end

-- Cancels one task: at once if it waits, through its worker if it runs.
-- ARGV: id, control channel, outcome channel, phase, outcome, outbox, life ms, reason. KEYS: its record.
-- Returns {unknown | finished | cancelled | requested, attempts}.
local function cancel(keys, args)
  local record, id = keys[FIRST_RECORD], args[1]
  local state = load(keys, id)
  if not state then return { redis.call('EXISTS', record) == 1 and 'finished' or 'unknown', 0 } end
  if state.nonce then
    state.cancel = args[8]
    save(keys, id, state)
    redis.call('PUBLISH', args[2], 'cancel ' .. id)
    return { 'requested', state.attempts or 0 }
  end
  local lot, index = lot_of(keys, {}, id)
  local message = (state.linked or lot) and message_of(keys, id, state)
  keep_end(keys, args[2], id, state, args[5], message)
  remove(keys, id, state)
  redis.call('HDEL', keys[TASKS], id)
  finish(keys, record, args[3], id, state, args[4], args[5], args[6], args[7])
  if lot then
    end_item(lot, index, args[4], message)
    close_lot(keys, lot)
  end
  return { 'cancelled', state.attempts or 0 }
end

-- Takes a waiting task off its queue as if it had never been sent. What runs goes on. KEYS: its record.
-- ARGV: id. Returns unknown | finished | cancelled (withdrawn) | requested (it runs, and nothing was done).
local function withdraw(keys, args)
  local state = load(keys, args[1])
  if not state then return redis.call('EXISTS', keys[FIRST_RECORD]) == 1 and 'finished' or 'unknown' end
  if state.nonce then return 'requested' end
  remove(keys, args[1], state)
  free_unique(keys, args[1], state)
  redis.call('HDEL', keys[TASKS], args[1])
  return 'cancelled'
end

-- Whose call an id is. KEYS: its record. ARGV: id. Returns its outcome and its message, '' where there is none.
local function named(keys, args)
  local state = load(keys, args[1])
  return { redis.call('GET', keys[FIRST_RECORD]) or '', state and message_of(keys, args[1], state) or '' }
end

-- Makes another call of a task that is in no place.
local function change(state, args)
  state.key, state.priority = args[5] ~= '' and args[5] or nil, tonumber(args[4])
end

-- Changes a task that waits: when it is due, and what it is. KEYS: its record.
-- ARGV: id, delay in ms ('' as it is), message ('' as it is), priority, concurrency key ('' none), whether the message
--   has links (0 | 1).
-- Returns unknown | finished | running | linked | revised.
local function revise(keys, args)
  local id, now = args[1], now_ms()
  local state = load(keys, id)
  if not state then return redis.call('EXISTS', keys[FIRST_RECORD]) == 1 and 'finished' or 'unknown' end
  if state.nonce then return 'running' end
  if state.linked and args[3] ~= '' and args[6] == '0' then return 'linked' end
  local message, due = args[3], args[2] ~= '' and now + tonumber(args[2])
  if state.waits then
    if message ~= '' then
      redis.call('HSET', keys[HELD], id, message)
      change(state, args)
    end
    if due then state.due, state.after = due, nil end
    save(keys, id, state)
    return 'revised'
  end
  if message == '' then message = message_of(keys, id, state) end
  due = due or tonumber(redis.call('ZSCORE', keys[DELAYED], id) or now)
  remove(keys, id, state)
  state.paced = nil
  if args[3] ~= '' then change(state, args) end
  again(keys, id, state, priority_of(state), math.max(0, due - now), message, now)
  wake_any(keys)
  return 'revised'
end

-- Marks a task as waited for and says whether it has ended, in one step, so that no outcome slips through between.
-- ARGV: id. KEYS: its record. Returns {known, outcome or ''}.
local function watch(keys, args)
  local state = load(keys, args[1])
  if not state then
    local outcome = redis.call('GET', keys[FIRST_RECORD])
    return { outcome and 1 or 0, outcome or '' }
  end
  if not state.watched then
    state.watched = 1
    save(keys, args[1], state)
  end
  return { 1, '' }
end

-- Clears reported outcomes, unless a newer one stands there by now. ARGV: id, outcome, id, outcome, …
local function clear(keys, args)
  local cleared = 0
  for i = 1, #args, 2 do
    if redis.call('HGET', keys[OUTBOX], args[i]) == args[i + 1] then
      cleared = cleared + redis.call('HDEL', keys[OUTBOX], args[i])
    end
  end
  return cleared
end

-- Forgets what time has made useless: old dead letters, idempotency keys, rates, and consumers of workers long gone.
-- ARGV: ms after which a consumer that holds nothing is forgotten.
local function tidy(keys, args)
  local now = now_ms()
  trim_dead(keys, now)
  expire_unique(keys, now)
  redis.call('ZREMRANGEBYSCORE', keys[RATE], '-inf', now)
  for stream = 1, STREAMS do
    local consumers = redis.pcall('XINFO', 'CONSUMERS', keys[stream], GROUP)
    for _, consumer in ipairs(consumers.err and {} or consumers) do
      -- A flat map: name, its value, pending, its value, idle, its value, …
      if consumer[4] == 0 and consumer[6] > tonumber(args[1]) then
        redis.call('XGROUP', 'DELCONSUMER', keys[stream], GROUP, consumer[2])
      end
    end
  end
  return 1
end

-- Writes the queue's settings. Whoever waits for a limit that was changed is looked at again.
-- ARGV: control channel, then field, value, …; with a value '' the field is removed.
local RATES, REVISITED = { rate_interval = true, rate_burst = true, rate_per_key = true }, 500

local function configure(keys, args)
  local changed = {}
  for i = 2, #args, 2 do
    local name, value = args[i], args[i + 1]
    changed[name] = (redis.call('HGET', keys[SETTINGS], name) or '') ~= value
    if value == '' then
      redis.call('HDEL', keys[SETTINGS], name)
    else
      redis.call('HSET', keys[SETTINGS], name, value)
    end
  end
  for name in pairs(RATES) do
    if changed[name] then
      repace(keys)
      break
    end
  end
  if changed.per_key then
    redis.call('HSET', keys[SETTINGS], 'revisit', '-')
    if revisit_gated(keys, REVISITED) > 0 then wake_any(keys) end
  end
  redis.call('PUBLISH', args[1], 'settings ' .. queue_name(keys))
  return 1
end
