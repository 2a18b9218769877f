-- Batches from outside: their terms, sending their items, and holding back, cancelling and retrying them. Each call takes
-- on no more items than it is given (or told), so that none takes long.

-- What is known of a batch: {its items' bytes, how many are held back, its run, from which index on that run hasn't
-- taken up again what didn't succeed before (-1: all is taken up)}; false if it is unknown. ARGV: uid
local function look(keys, args)
  local lot = open_lot(keys, args[1])
  if not lot then return false end
  local said = redis.call('HMGET', lot.terms, 'run', 'retry_from')
  return { redis.call('GET', lot.items) or '', redis.call('ZCARD', lot.waiting), tonumber(said[1]),
    tonumber(said[2] or -1) }
end

-- Tells a batch its terms, and looks at it. All that it keeps stays for `life` ms from now. A batch that has failed too
-- often stays stopped. ARGV: uid, create (1: if it is unknown), run (of a new one), parallelism ('' any), most failures
-- ('' any), hold ('' | suspended | stopped), priority (1–4), life ms
local function tend(keys, args)
  local uid, create, run, parallelism, max_failures, hold, priority, life = unpack(args)
  local stem = string.sub(keys[TASKS], 1, -6) .. 'batch:' .. uid
  if redis.call('EXISTS', stem) == 0 then
    if create ~= '1' then return false end
    redis.call('HSET', stem, 'run', run, 'outstanding', 0, 'failed', 0)
    redis.call('SET', stem .. ':items', '')
  end
  redis.call('HSET', stem, 'parallelism', parallelism, 'max_failures', max_failures, 'hold', hold, 'asked', hold,
    'priority', priority, 'life', life)
  close_lot(keys, open_lot(keys, uid))
  redis.call('PEXPIRE', stem, life)
  for _, name in ipairs({ ':items', ':waiting', ':messages' }) do
    redis.call('PEXPIRE', stem .. name, tonumber(life) + GRACE_MS)
  end
  return look(keys, args)
end

-- Sends items that weren't sent before; those of a stopped batch are cancelled at once. ARGV: uid, then per item  index,
-- message. Returns how many from the first on are seen to (fewer where the queue is full), -1 if there is no such batch.
local function send_items(keys, args)
  local lot = open_lot(keys, args[1])
  if not lot then return -1 end
  local room, free, dozing = welcome(keys)
  local saves, held = {}, {}
  local taken = 0
  for at = 2, #args, 2 do
    local index, message = tonumber(args[at]), args[at + 1]
    local byte = redis.call('GETRANGE', lot.items, index, index)
    if byte == '' or byte == NOT_SENT then
      if lot.hold == 'stopped' then
        lay(lot, index, message)
        mark(lot, index, CANCELLED)
      elseif may_start(lot) then
        if room < 1 then break end
        room = room - 1
        start_item(keys, lot, saves, index, message, free)
        mark(lot, index, QUEUED)
      else
        held[#held + 1] = index
        held[#held + 1] = index
        lay(lot, index, message)
        mark(lot, index, QUEUED)
      end
    end
    taken = taken + 1
  end
  save_items(keys, saves)
  if dozing and #saves > 0 then wake(keys, dozing) end
  if #held > 0 then
    redis.call('ZADD', lot.waiting, unpack(held))
    redis.call('PEXPIRE', lot.waiting, lot.life + GRACE_MS)
  end
  close_lot(keys, lot)
  return taken
end

local function hold_back(lot, index)
  redis.call('ZADD', lot.waiting, index, index)
  redis.call('PEXPIRE', lot.waiting, lot.life + GRACE_MS)
end

-- Takes items that wait on their queue off it; their attempts are forgotten. What runs goes on. ARGV: uid, their indexes.
local function recall_items(keys, args)
  local lot = open_lot(keys, args[1])
  if not lot then return 0 end
  local recalled = 0
  for at = 2, #args do
    local id = lot.id .. args[at]
    local state = load(keys, id)
    if state and not state.nonce then
      lay(lot, args[at], message_of(keys, id, state))
      remove(keys, id, state)
      redis.call('HDEL', keys[TASKS], id)
      hold_back(lot, args[at])
      lot.outstanding = lot.outstanding - 1
      recalled = recalled + 1
    end
  end
  close_lot(keys, lot)
  return recalled
end

-- Cancels one item that was sent: at once if it waits, through its worker if it runs. Returns 1 if it was at once.
local function cancel_item(keys, lot, control, channel, life, reason, index, outcome)
  if redis.call('GETRANGE', lot.items, index, index) ~= QUEUED then return 0 end
  local id = lot.id .. index
  local record, state = string.sub(keys[TASKS], 1, -6) .. 'task:' .. string.match(id, '%.(.+)$'), load(keys, id)
  if state and state.nonce then
    if not state.cancel then
      state.cancel = reason
      save(keys, id, state)
      redis.call('PUBLISH', control, 'cancel ' .. id)
    end
    return 0
  end
  if state then
    lay(lot, index, message_of(keys, id, state))
    remove(keys, id, state)
    redis.call('HDEL', keys[TASKS], id)
    lot.outstanding = lot.outstanding - 1
  else
    redis.call('ZREM', lot.waiting, index) -- its message is laid aside already
  end
  finish(keys, record, channel, id, state or {}, 'Cancelled', outcome, '0', life)
  mark(lot, index, CANCELLED)
  return 1
end

-- Cancels items. ARGV: uid, control channel, channel of outcomes, life of the outcomes in ms, reason, then per item
--   index, outcome. Returns how many were cancelled at once.
local function cancel_items(keys, args)
  local lot, cancelled = open_lot(keys, args[1]), 0
  if not lot then return 0 end
  for at = 6, #args, 2 do
    cancelled = cancelled
      + cancel_item(keys, lot, args[2], args[3], args[4], args[5], tonumber(args[at]), args[at + 1])
  end
  close_lot(keys, lot)
  return cancelled
end

-- Takes up again what didn't succeed in the runs before, from the first attempt, as far as `most` items or WINDOW bytes.
-- Not twice in a run. ARGV: uid, run, most. Returns 1 if all is taken up, else 0.
local WINDOW = 20000

local function begin_run(lot, run)
  redis.call('HSET', lot.terms, 'run', run, 'retry_from', 0)
  lot.failed, lot.hold = 0, redis.call('HGET', lot.terms, 'asked')
end

local function retry_item(keys, lot, index)
  local id = lot.id .. index
  redis.call('DEL', string.sub(keys[TASKS], 1, -6) .. 'task:' .. string.match(id, '%.(.+)$'))
  mark(lot, index, QUEUED)
  hold_back(lot, index)
end

local function retry_items(keys, args)
  local lot, run, most = open_lot(keys, args[1]), tonumber(args[2]), tonumber(args[3])
  if not lot then return 1 end
  if tonumber(redis.call('HGET', lot.terms, 'run')) < run then begin_run(lot, run) end
  local from = tonumber(redis.call('HGET', lot.terms, 'retry_from') or nil)
  if not from then return 1 end
  local window = redis.call('GETRANGE', lot.items, from, from + WINDOW - 1)
  local place, found = string.find(window, '[fc]'), 0
  while place and found < most do
    retry_item(keys, lot, from + place - 1)
    found = found + 1
    place = string.find(window, '[fc]', place + 1)
  end
  local done = not place and #window < WINDOW
  if done then
    redis.call('HDEL', lot.terms, 'retry_from')
  else
    redis.call('HSET', lot.terms, 'retry_from', place and from + place - 1 or from + WINDOW)
  end
  close_lot(keys, lot)
  return done and 1 or 0
end

-- Forgets a batch: what of it still runs isn't counted. ARGV: uid
local function forget_batch(keys, args)
  local stem = string.sub(keys[TASKS], 1, -6) .. 'batch:' .. args[1]
  return redis.call('UNLINK', stem, stem .. ':items', stem .. ':waiting', stem .. ':messages')
end
