-- Takes the lease on claimed messages and counts the attempt. A lease is a nonce in the record: whoever begins last
-- holds it, and only the entry's owner in the group may begin.
-- ARGV: consumer, worker, then per task  nonce, stream index, entry, most crashes
-- Returns per task {verdict, attempts, crashes, queued ms, now ms}; verdicts:
--   run · lost (somebody else owns the entry) · done (already terminal: dropped) · cancelled · crashed (too often)
local function begin_one(keys, record, consumer, worker, nonce, stream_index, entry, most_crashes, now)
  local stream = keys[stream_index]
  local owner = redis.call('XPENDING', stream, GROUP, entry, entry, 1)
  if not owner[1] or owner[1][2] ~= consumer then return { 'lost', 0, 0, now, now } end

  local state = redis.call('HMGET', record, 'phase', 'attempts', 'crashes', 'queued', 'cancel')
  local phase, attempts, crashes = state[1], tonumber(state[2] or 0), tonumber(state[3] or 0)
  if phase and TERMINAL[phase] then
    drop(stream, entry)
    return { 'done', attempts, crashes, now, now }
  end

  local queued = tonumber(state[4] or now)
  redis.call('HSET', record, 'lease', nonce, 'worker', worker, 'stream', stream_index, 'entry', entry)
  if phase == 'Running' then crashes = redis.call('HINCRBY', record, 'crashes', 1) end
  if state[5] then return { 'cancelled', attempts, crashes, queued, now } end
  if crashes >= most_crashes then return { 'crashed', attempts, crashes, queued, now } end

  attempts = redis.call('HINCRBY', record, 'attempts', 1)
  redis.call('HSET', record, 'phase', 'Running', 'started', now)
  -- A record that Redis had lost is whole again from here on; give it a life like any other.
  if redis.call('PTTL', record) < 0 then redis.call('PEXPIRE', record, 604800000) end
  return { 'run', attempts, crashes, queued, now }
end

local function begin(keys, args)
  local answers, now = {}, now_ms()
  for i = 0, (#args - 2) / 4 - 1 do
    local at = 2 + i * 4
    answers[i + 1] = begin_one(keys, keys[FIRST_TASK + i], args[1], args[2], args[at + 1],
      tonumber(args[at + 2]), args[at + 3], tonumber(args[at + 4]), now)
  end
  return answers
end

-- Renews leases, and tells of cancellations that the control channel may have missed.
-- ARGV: consumer, then per task  nonce, stream index, entry
-- Returns per task  1 held · 0 lost · 2 held, cancellation asked for
local function renew(keys, args)
  local answers = {}
  for i = 0, (#args - 1) / 3 - 1 do
    local at = 1 + i * 3
    local state = redis.call('HMGET', keys[FIRST_TASK + i], 'lease', 'cancel')
    if state[1] == args[at + 1] then
      redis.call('XCLAIM', keys[tonumber(args[at + 2])], GROUP, args[1], 0, args[at + 3], 'JUSTID')
      answers[i + 1] = state[2] and 2 or 1
    else
      answers[i + 1] = 0
    end
  end
  return answers
end

-- Notes progress on a running task. ARGV: nonce, progress as JSON. Returns 1, or 0 if the lease is lost.
local function note(keys, args)
  if redis.call('HGET', keys[FIRST_TASK], 'lease') ~= args[1] then return 0 end
  redis.call('HSET', keys[FIRST_TASK], 'progress', args[2])
  return 1
end
