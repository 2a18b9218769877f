-- Ends attempts. One step acknowledges the message and writes what became of it; only the lease's holder may.
-- ARGV: channel of outcomes, then per task
--   nonce, stream index, entry, id, verb, phase, outcome, outbox (1: also for the resource), delay ms, life ms, message
-- Verbs:  end (terminal) · retry (again after the delay) · release (hand back: the attempt doesn't count) ·
--   park (nobody here knows its name: it waits, outside the depth, for a worker that does; doesn't count either)
-- Returns per task 1 (settled) or 0 (the lease is lost; nothing was written).
local FIELDS = 11

local function finish(keys, record, channel, id, phase, outcome, outbox, life, message)
  redis.call('HSET', record, 'phase', phase, 'outcome', outcome)
  redis.call('HDEL', record, 'lease', 'entry')
  redis.call('PEXPIRE', record, life)
  if outbox == '1' then redis.call('HSET', keys[OUTBOX], id, outcome) end
  if phase == 'DeadLettered' then redis.call('XADD', keys[DEAD], '*', 'id', id, 'm', message, 'outcome', outcome) end
  announce(record, channel, id)
end

local function again(keys, record, id, phase, stream_index, delay, message, now)
  redis.call('HSET', record, 'phase', phase, 'queued', now + delay)
  redis.call('HDEL', record, 'lease', 'entry')
  if delay > 0 then
    redis.call('ZADD', keys[DELAYED], now + delay, id)
    redis.call('HSET', keys[HELD], id, message)
  else
    push(keys[stream_index], stream_index, record, id, message)
  end
end

local function park(keys, record, id, message, now)
  redis.call('HSET', record, 'phase', 'Queued')
  redis.call('HDEL', record, 'lease', 'entry')
  redis.call('ZADD', keys[PARKED], now, id)
  redis.call('HSET', keys[HELD], id, message)
end

local function settle(keys, args)
  local answers, now = {}, now_ms()
  for i = 0, (#args - 1) / FIELDS - 1 do
    local record = keys[FIRST_TASK + i]
    local nonce, stream_index, entry, id, verb, phase, outcome, outbox, delay, life, message =
      unpack(args, 2 + i * FIELDS, 1 + (i + 1) * FIELDS)
    if redis.call('HGET', record, 'lease') ~= nonce then
      answers[i + 1] = 0
    else
      stream_index = tonumber(stream_index)
      drop(keys[stream_index], entry)
      if verb == 'end' then
        finish(keys, record, args[1], id, phase, outcome, outbox, life, message)
      else
        if verb ~= 'retry' then redis.call('HINCRBY', record, 'attempts', -1) end
        if verb == 'park' then
          park(keys, record, id, message, now)
        else
          again(keys, record, id, phase, stream_index, tonumber(delay), message, now)
        end
      end
      answers[i + 1] = 1
    end
  end
  return answers
end

-- Puts claimed messages back that were never begun.
-- ARGV: consumer, then per task  stream index, entry, id, message
local function unclaim(keys, args)
  local given = 0
  for i = 0, (#args - 1) / 4 - 1 do
    local stream_index, entry, id, message = unpack(args, 2 + i * 4, 5 + i * 4)
    local stream = keys[tonumber(stream_index)]
    local owner = redis.call('XPENDING', stream, GROUP, entry, entry, 1)
    if owner[1] and owner[1][2] == args[1] then
      drop(stream, entry)
      push(stream, stream_index, keys[FIRST_TASK + i], id, message)
      given = given + 1
    end
  end
  return given
end

-- Dead-letters what can't be understood: there is no envelope to run, settle or retry.
-- ARGV: channel, stream index, entry, id, message, outcome, life ms
local function bury(keys, args)
  drop(keys[tonumber(args[2])], args[3])
  finish(keys, keys[FIRST_TASK], args[1], args[4], 'DeadLettered', args[6], '0', args[7], args[5])
  return 1
end
