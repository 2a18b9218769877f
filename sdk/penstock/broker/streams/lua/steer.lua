-- What happens to tasks from outside a worker: becoming due, being cancelled, being waited for.

-- Puts a held message onto its stream.
local function ready(keys, record, id)
  local message = redis.call('HGET', keys[HELD], id)
  unhold(keys, id)
  if not message then return 0 end
  local stream_index = tonumber(redis.call('HGET', record, 'stream') or 3)
  push(keys[stream_index], stream_index, record, id, message)
  if redis.call('PTTL', record) < 0 then redis.call('PEXPIRE', record, 604800000) end
  return 1
end

-- Makes due messages ready. The caller looked the ids up; the score is checked again here.
-- ARGV: the ids. Returns how many moved.
local function promote(keys, args)
  local moved, now = 0, now_ms()
  for i, id in ipairs(args) do
    local due = redis.call('ZSCORE', keys[DELAYED], id)
    if due and tonumber(due) <= now then moved = moved + ready(keys, keys[FIRST_TASK + i - 1], id) end
  end
  return moved
end

-- Makes parked messages ready again. ARGV: the ids. Returns how many moved.
local function unpark(keys, args)
  local moved = 0
  for i, id in ipairs(args) do
    if redis.call('ZSCORE', keys[PARKED], id) then moved = moved + ready(keys, keys[FIRST_TASK + i - 1], id) end
  end
  return moved
end

-- Cancels one task: at once if it waits, through its worker if it runs.
-- ARGV: id, control channel, outcome channel, phase, outcome, outbox, life ms, reason
-- Returns {unknown | finished | cancelled | requested, attempts}.
local function cancel(keys, args)
  local record, id = keys[FIRST_TASK], args[1]
  local state = redis.call('HMGET', record, 'phase', 'entry', 'stream', 'attempts', 'lease')
  local phase, attempts = state[1], tonumber(state[4] or 0)
  if not phase then return { 'unknown', 0 } end
  if TERMINAL[phase] then return { 'finished', attempts } end
  if phase == 'Running' then
    redis.call('HSET', record, 'cancel', args[8])
    redis.call('PUBLISH', args[2], id)
    return { 'requested', attempts }
  end
  unhold(keys, id)
  -- A worker that has claimed but not begun it finds the record terminal and drops it.
  if state[2] then drop(keys[tonumber(state[3])], state[2]) end
  redis.call('HSET', record, 'phase', args[4], 'outcome', args[5])
  redis.call('HDEL', record, 'entry', 'lease')
  redis.call('PEXPIRE', record, args[7])
  if args[6] == '1' then redis.call('HSET', keys[OUTBOX], id, args[5]) end
  announce(record, args[3], id)
  return { 'cancelled', attempts }
end

-- Takes a waiting task off its queue as if it had never been sent. What runs goes on.
-- ARGV: id. Returns unknown | finished | cancelled (withdrawn) | requested (it runs, and nothing was done).
local function withdraw(keys, args)
  local record, id = keys[FIRST_TASK], args[1]
  local state = redis.call('HMGET', record, 'phase', 'entry', 'stream')
  if not state[1] then return 'unknown' end
  if TERMINAL[state[1]] then return 'finished' end
  if state[1] == 'Running' then return 'requested' end
  unhold(keys, id)
  if state[2] then drop(keys[tonumber(state[3])], state[2]) end
  redis.call('DEL', record)
  return 'cancelled'
end

-- Marks tasks as waited for and says how they stand, in one step, so that no outcome slips through between.
-- Returns per task {phase, outcome} (empty strings where there is none).
local function watch(keys, args)
  local answers = {}
  for i = FIRST_TASK, #keys do
    local state = redis.call('HMGET', keys[i], 'phase', 'outcome')
    if state[1] and not state[2] then redis.call('HSET', keys[i], 'watched', 1) end
    answers[#answers + 1] = { state[1] or '', state[2] or '' }
  end
  return answers
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
