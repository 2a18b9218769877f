-- Queues messages, each id at most once for the life of its record and each idempotency key while it holds.
-- KEYS: the fixed set, then a record per message.
-- ARGV: per message  id, priority (1–4), delay in ms (0: now), message, options
--   options: '' or a msgpack map: key (concurrency), unique, scope (started | finished | expired), unique_ms, keep,
--   waits, tolerant, after, linked
-- Returns per message  1 queued · 0 known already · -1 the queue is full · the id that holds the idempotency key

-- Drops idempotency keys whose time is over.
local function expire_unique(keys, now)
  local over = redis.call('ZRANGEBYSCORE', keys[EXPIRING], '-inf', now, 'LIMIT', 0, 100)
  for _, unique in ipairs(over) do
    redis.call('HDEL', keys[UNIQUE], unique)
    redis.call('ZREM', keys[EXPIRING], unique)
  end
end

-- Frees a task's idempotency key, if the task still holds it.
local function free_unique(keys, id, state)
  if not state.unique or redis.call('HGET', keys[UNIQUE], state.unique) ~= id then return end
  redis.call('HDEL', keys[UNIQUE], state.unique)
  redis.call('ZREM', keys[EXPIRING], state.unique)
end

-- How many more may wait, or huge without a limit; whether whatever comes may start at once; and the channel on which
-- somebody is to be woken by it.
local function welcome(keys)
  local set = redis.call('HMGET', keys[SETTINGS], 'max_depth', 'paused', 'max', 'rate_interval', 'dozing')
  local free = set[2] ~= '1' and not set[3] and not set[4]
  if not set[1] then return math.huge, free, set[5] end
  local waiting = redis.call('HLEN', keys[TASKS]) - pending(keys) - redis.call('ZCARD', keys[BLOCKED])
  return tonumber(set[1]) - waiting, free, set[5]
end

-- Gives a task its idempotency key. Returns the id of the other task that holds it, if one does.
local function hold_unique(keys, id, state, now)
  local holder = redis.call('HGET', keys[UNIQUE], state.unique)
  -- Of many keys whose time is over only some were dropped by now: the time of this one counts.
  local over = holder and tonumber(redis.call('ZSCORE', keys[EXPIRING], state.unique) or 0) <= now
  if holder == id and not over then return nil end
  if holder and not over then return holder end
  redis.call('HSET', keys[UNIQUE], state.unique, id)
  redis.call('ZADD', keys[EXPIRING], now + state.unique_ms, state.unique)
end

local function take_unique(keys, id, state, options, now)
  expire_unique(keys, now)
  state.unique, state.scope, state.keep, state.unique_ms = options.unique, options.scope, options.keep, options.unique_ms
  return hold_unique(keys, id, state, now)
end

-- Lays a message aside until what it waits for has come. It doesn't count against the depth before.
local function block(keys, id, priority, options, message, now, delay)
  local state = { priority = priority, key = options.key, linked = options.linked, waits = options.waits,
    tolerant = options.tolerant, after = options.after, due = delay > 0 and now + delay or nil }
  redis.call('ZADD', keys[BLOCKED], now, id)
  redis.call('HSET', keys[HELD], id, message)
  save(keys, id, state)
  return 1
end

local function send_one(keys, record, room, free, now, id, priority, delay, message, packed)
  if redis.call('HEXISTS', keys[TASKS], id) == 1 or redis.call('EXISTS', record) == 1 then return 0 end
  local options = packed ~= '' and cmsgpack.unpack(packed) or {}
  if options.waits then return block(keys, id, priority, options, message, now, delay) end
  if room < 1 then return -1 end
  local state = { priority = priority, key = options.key, linked = options.linked }
  local holder = options.unique and take_unique(keys, id, state, options, now)
  if holder then return holder end
  if delay > 0 then
    state.queued = now + delay
    delay_until(keys, id, state, message, now + delay)
  else
    push(keys, priority, id, state, message, free and packed == '')
    if packed == '' then
      redis.call('HSET', keys[TASKS], id, plain(priority, state.entry))
      return 1
    end
  end
  save(keys, id, state)
  return 1
end

local function send(keys, args)
  local answers, now, queued = {}, now_ms(), false
  local room, free, dozing = welcome(keys)
  for i = 0, #args / 5 - 1 do
    local at = i * 5
    local answer = send_one(keys, keys[FIRST_RECORD + i], room, free, now,
      args[at + 1], tonumber(args[at + 2]), tonumber(args[at + 3]), args[at + 4], args[at + 5])
    if answer == 1 then room, queued = room - 1, true end
    answers[i + 1] = answer
  end
  if dozing and queued then wake(keys, dozing) end
  return answers
end

-- Hands a message to every worker that lives now. ARGV: message, control channel, how long it stays in ms
local function broadcast(keys, args)
  redis.call('XADD', keys[BROADCAST], 'MINID', '~', now_ms() - tonumber(args[3]), '*', 'm', args[1])
  redis.call('PUBLISH', args[2], 'broadcast ' .. queue_name(keys))
  return 1
end
