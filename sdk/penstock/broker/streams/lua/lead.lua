-- What the operator's leader does. Each leader has an epoch, higher than all before: whoever was deposed without knowing
-- it yet (it was stopped, or cut off) is refused as soon as its successor has written to the queue.
-- ARGV: the field of `settings` that keeps the highest epoch, the epoch, function, then that function's own.
local LED = { send = send, cancel = cancel, withdraw = withdraw, clear = clear, configure = configure,
  cordon = cordon, tend = tend, send_items = send_items, recall_items = recall_items, cancel_items = cancel_items, retry_items = retry_items,
  forget_batch = forget_batch }

local function led(keys, args)
  local field, epoch = args[1], tonumber(args[2])
  local highest = tonumber(redis.call('HGET', keys[SETTINGS], field) or 0)
  if epoch < highest then return redis.error_reply('DEPOSED ' .. args[2] .. ' by ' .. highest) end
  if epoch > highest then redis.call('HSET', keys[SETTINGS], field, args[2]) end
  local does = LED[args[3]]
  if not does then return 1 end
  local rest = {}
  for i = 4, #args do rest[i - 3] = args[i] end
  return does(keys, rest)
end

-- The same for what a full Redis refuses.
local function led_send(keys, args)
  return led(keys, args)
end
