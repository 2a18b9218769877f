-- Tasks that wait for others, and ended ones of whose end others must hear.

-- A blocked task has got all that it waited for.
local function unblock(keys, inputs, id, state, now)
  local message = unhold(keys, id, state)
  local due = math.max(state.due or 0, now + (state.after or 0))
  state.waits, state.tolerant, state.due, state.after = nil, nil, nil, nil
  redis.call('HSET', inputs, 'ready', now)
  redis.call('PERSIST', inputs) -- however long it waits from now on: `relayed` forgets them
  again(keys, id, state, priority_of(state), math.max(0, due - now), message, now)
  wake_any(keys)
end

-- Ends a blocked task, for a source of it has failed.
local function conclude(keys, args, record, id, state, phase, outcome)
  keep_end(keys, args[1], id, state, outcome, message_of(keys, id, state))
  unhold(keys, id, state)
  redis.call('HDEL', keys[TASKS], id)
  finish(keys, record, args[2], id, state, phase, outcome, '0', args[3])
end

-- Hands inputs to tasks that wait for them; to hand one over twice does no harm. KEYS: per input its task's record and
-- its inputs. ARGV: control channel, channel of outcomes, how long outcomes and inputs stay in ms, then per input
--   id, number (-1: only failure concerns it, even if it is tolerant), its value ('' if its source failed), phase and
--   outcome of a task that ends with it
-- Returns how many tasks ended so.
local function supply(keys, args)
  local ended, now = 0, now_ms()
  for i = 0, (#args - 3) / 5 - 1 do
    local at, record, inputs = 4 + i * 5, keys[FIRST_RECORD + i * 2], keys[FIRST_RECORD + i * 2 + 1]
    local id, number, value = args[at], args[at + 1], args[at + 2]
    local state = load(keys, id)
    if state and state.waits then
      if value == '' and (number == '-1' or not state.tolerant) then
        conclude(keys, args, record, id, state, args[at + 3], args[at + 4])
        redis.call('DEL', inputs)
        ended = ended + 1
      elseif number ~= '-1' then
        redis.call('HSET', inputs, number, value == '' and 'null' or value)
        redis.call('PEXPIRE', inputs, args[3])
        if redis.call('HLEN', inputs) == state.waits then unblock(keys, inputs, id, state, now) end
      end
    end
  end
  return ended
end

-- Tells how many inputs a blocked task waits for. KEYS: its inputs. ARGV: id, how many. Returns 0 if it has ended.
local function expect(keys, args)
  local id, state = args[1], load(keys, args[1])
  if not state then return 0 end
  if not state.waits then return 1 end
  state.waits = tonumber(args[2])
  save(keys, id, state)
  if redis.call('HLEN', keys[FIRST_RECORD]) == state.waits then unblock(keys, keys[FIRST_RECORD], id, state, now_ms()) end
  return 1
end

-- Makes tasks that are about to be sent the children of a running one, if they aren't yet. ARGV: its id, its nonce, then their ids.
-- Returns 1, or 0 if the lease is lost.
local function adopt(keys, args)
  local state = load(keys, args[1])
  if not state or state.nonce ~= args[2] then return 0 end
  state.linked, state.children = 1, state.children or {}
  local known = {}
  for _, child in ipairs(state.children) do known[child] = true end
  for at = 3, #args do
    if not known[args[at]] then state.children[#state.children + 1] = args[at] end
  end
  save(keys, args[1], state)
  return 1
end

-- One ended task of whose end others are to be told, unless somebody has taken that up a short while ago.
local function take_up(keys, id, packed, patience, now, found)
  local kept = cmsgpack.unpack(packed)
  if kept[1] + patience > now then return end
  kept[1] = now
  redis.call('HSET', keys[ENDED], id, cmsgpack.pack(kept))
  found[#found + 1] = { id, kept[2], kept[3], kept[5], kept[4] }
end

-- Takes up ended tasks of whose end nobody has told yet. ARGV: most, ms after which another than the one who took it
-- last may. Returns per task {id, outcome, message, inputs it waited for, {child, …}}.
local function take_ended(keys, args)
  local now, found = now_ms(), {}
  -- From where the last look has ended: a page of those that somebody tells of just now mustn't hide the others.
  local cursor = redis.call('HGET', keys[SETTINGS], 'ended_cursor') or '0'
  for _ = 1, LOOKS do
    local page
    cursor, page = unpack(redis.call('HSCAN', keys[ENDED], cursor, 'COUNT', args[1]))
    for i = 1, #page, 2 do take_up(keys, page[i], page[i + 1], tonumber(args[2]), now, found) end
    if cursor == '0' or #found >= tonumber(args[1]) then break end
  end
  if cursor == '0' then
    redis.call('HDEL', keys[SETTINGS], 'ended_cursor')
  else
    redis.call('HSET', keys[SETTINGS], 'ended_cursor', cursor)
  end
  return found
end
