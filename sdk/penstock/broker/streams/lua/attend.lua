-- Who works on the queue as the first of its queues, and who of them is to claim nothing more. KEYS beside the tasks':
--   workers   consumer → msgpack {worker, ms of its last word, how many tasks it runs, until when it has said to rest (0)}
--   cordoned  worker → until when it claims nothing, ms
-- To rest is a promise for the time of the cordon that the consumer was told of, as far as that still lasts, and no
-- longer: if it can't be reached then, it goes on.
local GONE_MS, PRESENT_MS, SOME = 60000, 10000, 3

-- Forgets what is over of both. Each call looks at some, whichever they are: that costs little however many there are,
-- and everybody calls once a second.
local function forget_some(keys, now)
  local seen = redis.call('HRANDFIELD', keys[WORKERS], SOME, 'WITHVALUES')
  for at = 1, #seen, 2 do
    if cmsgpack.unpack(seen[at + 1])[2] < now - GONE_MS then redis.call('HDEL', keys[WORKERS], seen[at]) end
  end
  local cordons = redis.call('HRANDFIELD', keys[CORDONED], SOME, 'WITHVALUES')
  for at = 1, #cordons, 2 do
    if tonumber(cordons[at + 1]) <= now then redis.call('HDEL', keys[CORDONED], cordons[at]) end
  end
end

-- Until when a worker claims nothing, ms, or 0.
local function cordoned_until(keys, worker, now)
  local over = tonumber(redis.call('HGET', keys[CORDONED], worker) or 0)
  return over > now and over or 0
end

-- A consumer's word. ARGV: consumer, worker, how many tasks it runs, the end of the cordon under which it rests in ms (0:
-- it doesn't). Returns {now ms, until when its worker is cordoned in ms (0: it isn't)}.
local function attend(keys, args)
  local now = now_ms()
  local over = cordoned_until(keys, args[2], now)
  local said = { args[2], now, tonumber(args[3]), math.min(tonumber(args[4]), over) }
  redis.call('HSET', keys[WORKERS], args[1], cmsgpack.pack(said))
  forget_some(keys, now)
  return { now, over }
end

-- What a consumer has said of its rest holds until then at the latest.
local function shorten(keys, consumer, said, over)
  said[4] = over
  redis.call('HSET', keys[WORKERS], consumer, cmsgpack.pack(said))
end

-- Lets workers claim nothing for a time, or (0) again. ARGV: control channel, ms, then the workers. Returns those of them
-- that attend now, each as often as it has processes.
local function cordon(keys, args)
  local now, asked, present = now_ms(), {}, {}
  local over = args[2] == '0' and 0 or now + tonumber(args[2])
  for at = 3, #args do
    asked[args[at]] = true
    if over == 0 then
      redis.call('HDEL', keys[CORDONED], args[at])
    else
      redis.call('HSET', keys[CORDONED], args[at], over)
    end
  end
  redis.call('PUBLISH', args[1], 'cordon ' .. queue_name(keys))
  local flat = redis.call('HGETALL', keys[WORKERS])
  for at = 1, #flat, 2 do
    local said = cmsgpack.unpack(flat[at + 1])
    if asked[said[1]] then
      if now - said[2] < PRESENT_MS then present[#present + 1] = said[1] end
      if said[4] > over then shorten(keys, flat[at], said, over) end
    end
  end
  return present
end
