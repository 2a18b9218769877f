-- Items of batches. Each is an ordinary task, and mostly a plain one, whose id tells of its batch: QUEUE.b.UID.INDEX.
-- What a batch keeps beside the queue's fixed set (see keys.py) stands under the same hash tag, so the names are made
-- here, and every key has a TTL. A batch whose terms are gone isn't counted for any more; nothing makes them anew.
local NOT_SENT, QUEUED, SUCCEEDED, FAILED, CANCELLED = '\0', 'q', 's', 'f', 'c' -- an item's byte
local RELEASES = 500 -- at a time, so that no step takes long; every end of an item releases more
local GRACE_MS = 60000 -- by which the other keys outlive the terms, which alone say whether there is a batch

-- A batch as far as a step needs it, or nil if there is none. `outstanding` items are on their queue or run.
local function open_lot(keys, uid)
  local stem = string.sub(keys[TASKS], 1, -6) .. 'batch:' .. uid
  local set = redis.call('HMGET', stem, 'outstanding', 'failed', 'parallelism', 'max_failures', 'hold', 'priority', 'life')
  if not set[1] then return nil end
  return {
    terms = stem, items = stem .. ':items', waiting = stem .. ':waiting', messages = stem .. ':messages',
    id = queue_name(keys) .. '.b.' .. uid .. '.', outstanding = tonumber(set[1]), failed = tonumber(set[2]),
    parallelism = tonumber(set[3] or nil) or math.huge, max_failures = tonumber(set[4] or nil) or math.huge,
    hold = set[5] or '', priority = tonumber(set[6]), life = tonumber(set[7]), runs = {}, laid = {},
  }
end

-- The batch and the index of a task that is an item of one; `lots` remembers the batches of this step.
local function lot_of(keys, lots, id)
  if not string.find(id, '.b.', 1, true) then return nil end
  local uid, index = string.match(id, '^[^.]+%.b%.([^.]+)%.(%d+)$')
  if not uid then return nil end
  if lots[uid] == nil then lots[uid] = open_lot(keys, uid) or false end
  return lots[uid] or nil, tonumber(index)
end

-- Notes an item's byte. Neighbours that get the same are written in one command.
local function mark(lot, index, byte)
  local last = lot.runs[#lot.runs]
  if last and last.byte == byte and last.from + last.count == index then
    last.count = last.count + 1
  else
    lot.runs[#lot.runs + 1] = { from = index, count = 1, byte = byte }
  end
end

-- Keeps the message of an item that isn't on its queue.
local function lay(lot, index, message)
  if not message then return end
  lot.laid[#lot.laid + 1] = index
  lot.laid[#lot.laid + 1] = message
end

-- Counts the end of an item that was on its queue.
local function end_item(lot, index, phase, message)
  lot.outstanding = lot.outstanding - 1
  if phase == 'Succeeded' then return mark(lot, index, SUCCEEDED) end
  lay(lot, index, message)
  if phase == 'Cancelled' then return mark(lot, index, CANCELLED) end
  lot.failed = lot.failed + 1
  mark(lot, index, FAILED)
end

-- Puts an item on its queue. The caller saves the states that `saves` collects.
local function start_item(keys, lot, saves, index, message, free)
  local state, id = {}, lot.id .. index
  push(keys, lot.priority, id, state, message, free)
  saves[#saves + 1] = id
  saves[#saves + 1] = plain(lot.priority, state.entry)
  lot.outstanding = lot.outstanding + 1
end

local function save_items(keys, saves)
  if #saves > 0 then redis.call('HSET', keys[TASKS], unpack(saves)) end
end

local function may_start(lot)
  return lot.hold == '' and lot.outstanding < lot.parallelism
end

-- Lets those that are held back start, the lowest indexes first, as many as there is room for.
local function release_items(keys, lot)
  if not may_start(lot) then return end
  local popped = redis.call('ZPOPMIN', lot.waiting, math.min(RELEASES, lot.parallelism - lot.outstanding))
  if #popped == 0 then return end
  local indexes, saves = {}, {}
  for at = 1, #popped, 2 do indexes[#indexes + 1] = popped[at] end
  local messages = redis.call('HMGET', lot.messages, unpack(indexes))
  redis.call('HDEL', lot.messages, unpack(indexes))
  for at, index in ipairs(indexes) do
    if messages[at] then
      start_item(keys, lot, saves, index, messages[at])
    else -- it can't be run any more; that mustn't keep the batch from ending
      redis.call('SETRANGE', lot.items, index, FAILED)
      lot.failed = lot.failed + 1
    end
  end
  save_items(keys, saves)
  wake_any(keys)
end

-- Writes what a step has found out about a batch, and lets its next items start.
local function close_lot(keys, lot)
  for _, run in ipairs(lot.runs) do redis.call('SETRANGE', lot.items, run.from, string.rep(run.byte, run.count)) end
  if #lot.laid > 0 then
    redis.call('HSET', lot.messages, unpack(lot.laid))
    redis.call('PEXPIRE', lot.messages, lot.life + GRACE_MS)
  end
  if lot.failed > lot.max_failures then lot.hold = 'stopped' end
  release_items(keys, lot)
  redis.call('HSET', lot.terms, 'outstanding', lot.outstanding, 'failed', lot.failed, 'hold', lot.hold)
end

local function close_lots(keys, lots)
  for _, lot in pairs(lots) do
    if lot then close_lot(keys, lot) end
  end
end
