-- What every function starts from. KEYS 1–4 are the streams, most urgent first; then the rest of the queue's fixed
-- set; from 10 on one record per task of the call. Only declared keys are touched, so a Cluster accepts it all.
local DELAYED, HELD, OUTBOX, DEAD, PARKED, FIRST_TASK = 5, 6, 7, 8, 9, 10
local GROUP = 'workers'
local TERMINAL = { Succeeded = true, Failed = true, Cancelled = true, DeadLettered = true }

-- Milliseconds since the epoch by Redis' clock: the only clock that leases and due times know, so that skewed
-- pods can't disagree.
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Makes a message claimable and remembers where it stands, so that a cancellation finds it.
local function push(stream, stream_index, record, id, message)
  local entry = redis.call('XADD', stream, '*', 'id', id, 'm', message)
  redis.call('HSET', record, 'entry', entry, 'stream', stream_index)
end

-- Acknowledgement and deletion always go together: the depth is XLEN − XPENDING.
local function drop(stream, entry)
  redis.call('XACK', stream, GROUP, entry)
  redis.call('XDEL', stream, entry)
end

-- Takes a task that waits for its time or for a worker that knows it out of where it waits.
local function unhold(keys, id)
  redis.call('ZREM', keys[DELAYED], id)
  redis.call('ZREM', keys[PARKED], id)
  redis.call('HDEL', keys[HELD], id)
end

-- Whoever waits for the outcome has marked the record; nobody else costs a message.
local function announce(record, channel, id)
  if redis.call('HEXISTS', record, 'watched') == 1 then
    redis.call('PUBLISH', channel, id)
  end
end
