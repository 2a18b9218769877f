-- What every function starts from. Only declared keys are touched, so a Cluster accepts it all: first the queue's fixed
-- set in the order of `QueueKeys.fixed`, then, where a function needs them, one record per task of the call.
local RELEASED, SUSPECT, STREAMS = 5, 6, 6 -- 1–4 are the priorities, most urgent first
local TASKS, DELAYED, HELD, GATED, PARKED, DEAD, OUTBOX = 7, 8, 9, 10, 11, 12, 13
local SETTINGS, HOLDERS, RATE, UNIQUE, EXPIRING, BROADCAST = 14, 15, 16, 17, 18, 19
local BLOCKED, ENDED, LOAD, WORKERS, CORDONED, PACED, BURIED, FIRST_RECORD = 20, 21, 22, 23, 24, 25, 26, 27
local GROUP = 'workers'

-- Milliseconds since the epoch by Redis' clock: the only clock that leases and due times know, so that skewed
-- pods can't disagree.
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- An unfinished task's state: one msgpack value in the hash `tasks`. A plain task, that waits for or runs its first
-- attempt and has no options, is an array: {stream, entry}, and once it runs {stream, entry, nonce, worker, started}.
-- Most are; so claiming one takes no more than appending to a string. Every other is a map, where absent fields cost
-- nothing:
--   stream, entry   where its message lies, while it is ready or claimed
--   priority        1–4, where `stream` isn't it
--   nonce           its lease; there while it runs, void once another is given
--   worker, started (ms), attempts, crashes, progress (JSON)
--   starts          how often it was started, those counted that were handed back; attempts leaves them out
--   queued          ms; without it the entry's own time
--   retrying        it waits for its next attempt
--   cancel          the reason why it is to be cancelled
--   watched         somebody waits for its outcome
--   key             its concurrency key; gated: its member in the set of those that wait for their key
--   paced           the moment of its start was reserved with the rate limit of its key
--   unique, scope, keep, unique_ms: its idempotency key, until when it holds, whether a failure keeps it, and for how long
--   waits, tolerant, due: it is blocked until so many inputs have come (-1: nobody knows yet), null for those of failed
--                   sources, and isn't ready before that moment (ms)
--   after           nor so many ms after the last of its inputs
--   checkpoint      what its last attempts have kept for the next (JSON)
--   linked, children: its end concerns others; the ids of the tasks that it started as its own
local WAITS, RUNS = '\146', '\149' -- the first byte of a plain task's state: msgpack's arrays of two and of five

local function plain(stream, entry)
  return WAITS .. string.char(stream) .. cmsgpack.pack(entry)
end

local function unpacked(packed)
  if not packed then return nil end
  local read, state = pcall(cmsgpack.unpack, packed)
  if not read or type(state) ~= 'table' then return nil end -- damaged by others: one task mustn't stop its neighbours
  if not state[1] then return state end
  return { stream = state[1], entry = state[2], nonce = state[3], worker = state[4], started = state[5],
    attempts = state[3] and 1, starts = state[3] and 1 }
end

local function load(keys, id)
  return unpacked(redis.call('HGET', keys[TASKS], id))
end

local function save(keys, id, state)
  redis.call('HSET', keys[TASKS], id, cmsgpack.pack(state))
end

-- The states of several tasks in one command, still packed: false where there is none.
local function load_all(keys, ids)
  if #ids == 0 then return {} end
  return redis.call('HMGET', keys[TASKS], unpack(ids))
end

local function priority_of(state)
  return state.priority or (state.stream and state.stream <= 4 and state.stream) or 3
end

-- Makes a message claimable. The caller saves the state. The message's field is called `m`, or `f` where it is free:
-- nothing limits its start but what is decided here and now, so whoever waits for it may start it as soon as he reads it,
-- while his claim is under way. (A name of one letter costs no byte, as a stream keeps its entries' common names once.)
local function push(keys, stream, id, state, message, free)
  state.priority = stream > 4 and priority_of(state) or nil
  state.stream = stream
  state.entry = redis.call('XADD', keys[stream], '*', 'id', id, free and 'f' or 'm', message)
end

-- Acknowledgement and deletion always go together: the depth is XLEN − XPENDING.
local function drop(keys, state)
  if not state.entry then return end
  redis.call('XACK', keys[state.stream], GROUP, state.entry)
  redis.call('XDEL', keys[state.stream], state.entry)
  state.entry = nil
end

-- The same for many: `entries` lists them by stream.
local function drop_all(keys, entries)
  for stream, list in ipairs(entries) do
    if #list > 0 then
      redis.call('XACK', keys[stream], GROUP, unpack(list))
      redis.call('XDEL', keys[stream], unpack(list))
    end
  end
end

local function message_of(keys, id, state)
  if not state.entry then return redis.call('HGET', keys[HELD], id) end
  local found = redis.call('XRANGE', keys[state.stream], state.entry, state.entry)
  return found[1] and found[1][2][4]
end

-- Lays a message aside; the caller notes where, and saves the state.
local function hold(keys, id, state, message)
  state.priority, state.stream = priority_of(state), nil
  redis.call('HSET', keys[HELD], id, message)
end

-- Lays a message aside until `due` (ms). The caller saves the state.
local function delay_until(keys, id, state, message, due)
  hold(keys, id, state, message)
  redis.call('ZADD', keys[DELAYED], due, id)
end

-- Takes a task out of wherever it waits beside the streams. Returns its message.
local function unhold(keys, id, state)
  local message = redis.call('HGET', keys[HELD], id)
  redis.call('ZREM', keys[DELAYED], id)
  redis.call('ZREM', keys[PACED], id)
  redis.call('ZREM', keys[PARKED], id)
  redis.call('ZREM', keys[BLOCKED], id)
  if state.gated then redis.call('ZREM', keys[GATED], state.gated) end
  redis.call('HDEL', keys[HELD], id)
  state.gated = nil
  return message
end

-- How many messages the group's consumers hold: as many leases are alive.
local function pending(keys)
  local sum = 0
  for stream = 1, STREAMS do
    local reply = redis.pcall('XPENDING', keys[stream], GROUP)
    sum = sum + (reply.err and 0 or reply[1])
  end
  return sum
end

local function waiting(keys, stream)
  local reply = redis.pcall('XPENDING', keys[stream], GROUP)
  return redis.call('XLEN', keys[stream]) - (reply.err and 0 or reply[1])
end

-- The queue that these keys are of, as signals name it.
local function queue_name(keys)
  return string.match(keys[1], '/([^/}]+)}')
end

-- Tells whoever has asked for it that there is something to do in a queue that had nothing, once; see `doze`.
local function wake(keys, channel)
  redis.call('HDEL', keys[SETTINGS], 'dozing')
  redis.call('PUBLISH', channel, '')
end

local function wake_any(keys)
  local channel = redis.call('HGET', keys[SETTINGS], 'dozing')
  if channel then wake(keys, channel) end
end

-- Whoever waits for the outcome has marked the task; nobody else costs a message.
local function announce(channel, id, state, outcome)
  if state.watched then redis.call('PUBLISH', channel, id .. '\n' .. outcome) end
end
