-- Queues messages, each at most once for the life of its record.
-- ARGV: per task  id, stream index (1–4), delay in ms (0: now), life of the record in ms, message
-- Returns per task 1 (queued) or 0 (known already).
local function send(keys, args)
  local answers = {}
  local now = now_ms()
  for i = 0, #args / 5 - 1 do
    local record = keys[FIRST_TASK + i]
    local id, stream_index, delay = args[i * 5 + 1], tonumber(args[i * 5 + 2]), tonumber(args[i * 5 + 3])
    local message = args[i * 5 + 5]
    if redis.call('EXISTS', record) == 1 then
      answers[i + 1] = 0
    else
      redis.call('HSET', record, 'phase', 'Queued', 'queued', now + delay)
      if delay > 0 then
        redis.call('ZADD', keys[DELAYED], now + delay, id)
        redis.call('HSET', keys[HELD], id, message)
        redis.call('HSET', record, 'stream', stream_index)
      else
        push(keys[stream_index], stream_index, record, id, message)
      end
      redis.call('PEXPIRE', record, args[i * 5 + 4])
      answers[i + 1] = 1
    end
  end
  return answers
end
