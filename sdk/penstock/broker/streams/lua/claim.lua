-- Takes up to `budget` ready messages and the lease on each, in one step: what a worker claims it starts at once, so it
-- never holds more than it runs. Each priority first gets its share of the budget (8:4:2:1), so that nothing starves;
-- what a share leaves over goes to the most urgent. A lease is a nonce in the task's state: the last one given holds.
-- What has to wait for its key is laid aside, and others are taken in its place.
-- ARGV: consumer, worker, nonce (each task's is this and its number), budget, alone (1: the worker runs nothing else, so
--   it may take a suspect), then what the consumer has read already: per message  stream, entry, id, and the nonce with
--   which it was started ('' if it wasn't)
-- Returns {now ms, ms until it is worth asking again, suspects that wait, plain, task, task, …}; `plain` lists the plain
--   tasks that start their first attempt, with the nonce as it was given:  entry, id, message, …  Every other task is
--   {verdict, id, message, nonce, attempts, crashes, queued ms, checkpoint or '', starts}, its verdict
--   run · cancelled (while it waited: settle it so) · crashed (too often: settle it so)
local SHARES = { 8, 4, 2, 1 }
local MOST, LOOKS = 1000, 20 -- entries that one step begins or lays aside; pages that it looks through

local function keep(work, id, packed)
  local saves = work.saves
  saves[#saves + 1] = id
  saves[#saves + 1] = packed
end

-- The same as `begin` for plain tasks.
local function begin_plain(gate, work, packed, entry, id, message)
  gate.started = gate.started + 1
  keep(work, id, RUNS .. string.sub(packed, 2) .. work.lease)
  local begun = work.plain
  local number = #begun
  begun[number + 1], begun[number + 2], begun[number + 3] = entry, id, message
end

-- Gives the lease on a claimed message, unless it has to wait or is another's by now. `work` collects.
local function begin(keys, gate, work, state, stream, entry, id, message, nonce)
  state = state or { stream = stream, entry = entry }
  if state.entry ~= entry or state.nonce then return end
  if state.crashes and state.crashes >= gate.max_crashes then
    work.verdict = 'crashed'
  elseif state.cancel then
    work.verdict = 'cancelled'
  else
    work.verdict = 'run'
    if held_by_key(keys, gate, id, state, message, work.now) then return end
    gate.started = gate.started + 1
    state.attempts, state.starts = (state.attempts or 0) + 1, (state.starts or 0) + 1
    if state.scope == 'started' then free_unique(keys, id, state) end
  end
  local number = #work.taken + 1
  state.queued = state.queued or tonumber(string.match(entry, '^%d+'))
  state.nonce = nonce and nonce ~= '' and nonce or work.nonce .. number
  state.worker, state.started = work.worker, work.now
  state.retrying, state.progress = nil, nil
  keep(work, id, cmsgpack.pack(state))
  work.taken[number] = { work.verdict, id, message, state.nonce, state.attempts or 0, state.crashes or 0, state.queued,
    state.checkpoint or '', state.starts or 0 }
end

local function make_groups(keys)
  for stream = 1, STREAMS do
    -- From 0: what was queued before the first worker came is theirs.
    redis.pcall('XGROUP', 'CREATE', keys[stream], GROUP, '0', 'MKSTREAM')
  end
end

-- How the ids of a queue's tasks start.
local function id_start(keys)
  return queue_name(keys) .. '.'
end

-- An entry that isn't Penstock's, or is damaged: nobody could begin it, and it mustn't stop those behind it. It becomes a
-- dead letter, whose message is what it carries.
local function well_formed(start, item)
  local fields = item[2]
  return #fields == 4 and string.sub(fields[2], 1, #start) == start and string.find(fields[2], '^[!-~]+$')
end

local function set_aside(keys, stream, item, now)
  redis.call('XACK', keys[stream], GROUP, item[1])
  redis.call('XDEL', keys[stream], item[1])
  bury(keys, queue_name(keys) .. '.entry-' .. item[1], {}, table.concat(item[2], '\n'), now)
end

-- Reads up to `count` new messages of one stream and begins them. Returns how many it read. Nothing comes while a script
-- runs, so a stream that had fewer isn't asked again.
local function take(keys, gate, work, stream, count)
  if count < 1 or work.dry[stream] then return 0 end
  local read = { 'XREADGROUP', 'GROUP', GROUP, work.consumer, 'COUNT', count, 'STREAMS', keys[stream], '>' }
  local reply = redis.pcall(unpack(read))
  if reply and reply.err then
    make_groups(keys)
    reply = redis.call(unpack(read))
  end
  work.dry[stream] = not reply or not reply[1] or #reply[1][2] < count
  if not reply or not reply[1] then return 0 end
  local items, ids = {}, {}
  for _, item in ipairs(reply[1][2]) do
    if well_formed(work.start, item) then
      items[#items + 1], ids[#ids + 1] = item, item[2][2]
    else
      set_aside(keys, stream, item, work.now)
    end
  end
  local states = load_all(keys, ids)
  for i, item in ipairs(items) do
    local entry, id, message, packed = item[1], item[2][2], item[2][4], states[i]
    if packed == plain(stream, entry) then
      begin_plain(gate, work, packed, entry, id, message)
    else
      begin(keys, gate, work, unpacked(packed), stream, entry, id, message)
    end
  end
  work.read = work.read + #reply[1][2]
  return #reply[1][2]
end

local function begun(work)
  return #work.taken + #work.plain / 3
end

-- A claim of few places can't share them out. So its first place goes to each priority in turn, as often as that has
-- shares. The turn is how many attempts have ended; it moves on by one each round, so that claims that always come after
-- the same number of ends don't always meet the same priority.
local function in_turn(keys)
  local ended = redis.call('BITFIELD_RO', keys[LOAD], 'GET', 'i64', '#0')[1]
  local turn, stream = (ended + math.floor(ended / 15)) % 15, 1
  while turn >= SHARES[stream] do turn, stream = turn - SHARES[stream], stream + 1 end
  return stream
end

-- Notes the priorities that have nothing, for a look is cheaper than a read. Returns how many have something. A stream that
-- somebody has deleted is made again, or blocking reads would fail for ever.
local function occupied(keys, work)
  if redis.call('EXISTS', keys[1], keys[2], keys[3], keys[4]) < 4 then make_groups(keys) end
  local count = 0
  for stream = 1, 4 do
    if redis.call('XLEN', keys[stream]) > 0 then count = count + 1 else work.dry[stream] = true end
  end
  return count
end

local function take_shares(keys, gate, work, budget)
  if budget - begun(work) < 15 then take(keys, gate, work, in_turn(keys), math.min(1, budget - begun(work))) end
  local left = budget - begun(work)
  for stream = 1, 4 do
    local share = math.max(1, math.floor(left * SHARES[stream] / 15))
    take(keys, gate, work, stream, math.min(budget - begun(work), share))
  end
end

-- Each priority's share of what is left, then the most urgent first. As long as that is less than the budget, and more
-- could be read: what was read may have had to wait for its key.
local function take_by_priority(keys, gate, work, budget)
  if budget <= begun(work) then return end
  if occupied(keys, work) > 1 then take_shares(keys, gate, work, budget) end
  repeat
    local read = work.read
    for stream = 1, 4 do take(keys, gate, work, stream, budget - begun(work)) end
  until work.read == read or work.read >= MOST
end

-- Begins what a blocking read has claimed before; without room it goes back.
local function take_read(keys, gate, work, args)
  for at = 6, #args, 4 do
    local stream, entry, id = tonumber(args[at]), args[at + 1], args[at + 2]
    local found = redis.call('XRANGE', keys[stream], entry, entry)
    if found[1] and not well_formed(work.start, found[1]) then
      set_aside(keys, stream, found[1], work.now)
    elseif found[1] and gate.room < 1 then
      local state = load(keys, id) or {}
      state.stream, state.entry = stream, entry
      drop(keys, state)
      push(keys, stream, id, state, found[1][2][4])
      save(keys, id, state)
    elseif found[1] then
      gate.room = gate.room - 1
      begin(keys, gate, work, load(keys, id), stream, entry, id, found[1][2][4], args[at + 3])
    end
  end
end

local function claim(keys, args)
  local now = now_ms()
  local work = { consumer = args[1], worker = args[2], nonce = args[3], now = now, plain = {}, taken = {}, saves = {},
    read = 0, dry = {}, start = id_start(keys), lease = cmsgpack.pack(args[3], args[2], now) }
  local gate = open_gate(keys, now, (#args - 5) / 4)
  apply_rate(keys, gate, now)
  take_read(keys, gate, work, args)
  local before = begun(work)
  local budget = before + math.min(tonumber(args[4]), gate.room, MOST)
  local suspects = redis.call('XLEN', keys[SUSPECT]) > 0 and waiting(keys, SUSPECT) or 0
  if args[5] == '1' and suspects > 0 and budget > before and take(keys, gate, work, SUSPECT, 1) > 0 then
    if begun(work) > before then budget = begun(work) end
  end
  take(keys, gate, work, RELEASED, budget - begun(work))
  take_by_priority(keys, gate, work, budget)
  if #work.saves > 0 then redis.call('HSET', keys[TASKS], unpack(work.saves)) end
  close_gate(keys, gate, now, begun(work))
  return { now, gate.wait, suspects, work.plain, unpack(work.taken) }
end

-- Puts what a consumer has read and not begun back. ARGV: per message  stream, entry, id
local function unclaim(keys, args)
  for at = 1, #args, 3 do
    local id = args[at + 2]
    local state = load(keys, id) or { stream = tonumber(args[at]), entry = args[at + 1] }
    if state.entry == args[at + 1] and not state.nonce then
      local message = message_of(keys, id, state)
      if message then
        local stream = state.stream
        drop(keys, state)
        push(keys, stream, id, state, message)
        save(keys, id, state)
      end
    end
  end
  return 1
end

-- Makes the task of a claimed entry ready again, there. An entry that isn't its task's any more is dropped.
local function put_back_entry(keys, id, state, stream, item, place)
  local moved = state.entry and state.entry ~= item[1]
  drop(keys, { stream = stream, entry = item[1] })
  if moved then return end
  push(keys, place, id, state, item[2][4])
  save(keys, id, state)
end

local function abandoned(keys, stream, item)
  local id = item[2][2]
  local state, place = load(keys, id) or {}, stream
  if state.nonce and state.entry == item[1] then
    state.crashes, state.nonce, place = (state.crashes or 0) + 1, nil, SUSPECT
    free_key(keys, id, state)
  end
  put_back_entry(keys, id, state, stream, item, place)
end

-- Looks through what is claimed of one stream, from where the last look has ended. Returns how many it has put back.
local function reclaim_stream(keys, stream, consumer, min_idle, most, now)
  local field, moved, start = 'reclaim:' .. stream, 0, id_start(keys)
  local cursor = redis.call('HGET', keys[SETTINGS], field) or '0-0'
  for _ = 1, LOOKS do
    local reply = redis.pcall('XAUTOCLAIM', keys[stream], GROUP, consumer, min_idle, cursor, 'COUNT', most - moved)
    if reply.err then return moved end
    for _, item in ipairs(reply[2]) do
      if well_formed(start, item) then abandoned(keys, stream, item) else set_aside(keys, stream, item, now) end
      moved = moved + 1
    end
    cursor = reply[1]
    if cursor == '0-0' or moved >= most then break end
  end
  if cursor == '0-0' then redis.call('HDEL', keys[SETTINGS], field) else redis.call('HSET', keys[SETTINGS], field, cursor) end
  return moved
end

-- Puts back what no worker has renewed for `min_idle` ms. What ran is a suspect from now on: it may have taken its
-- worker down, so it runs alone next. Waits for nobody's room: it is only made ready again.
-- ARGV: consumer, min_idle, most. Returns {how many, suspects that wait}.
local function reclaim(keys, args)
  local moved, most, now = 0, tonumber(args[3]), now_ms()
  for stream = 1, STREAMS do
    if moved < most then moved = moved + reclaim_stream(keys, stream, args[1], args[2], most - moved, now) end
  end
  return { moved, waiting(keys, SUSPECT) }
end

-- Undoes a start of which the worker never heard: it counts neither as an attempt nor as a crash.
local function unbegin(keys, id, state)
  state.nonce = nil
  state.attempts, state.starts = math.max(0, (state.attempts or 0) - 1), math.max(0, (state.starts or 0) - 1)
  free_key(keys, id, state)
end

-- One entry that a consumer holds. Returns whether it was put back.
local function relinquished(keys, stream, item, kept)
  local id = item[2][2]
  local state, place = load(keys, id) or {}, stream
  if state.entry == item[1] and state.nonce then
    if kept[id] == state.nonce then return false end
    unbegin(keys, id, state)
    place = state.crashes and SUSPECT or priority_of(state)
  end
  put_back_entry(keys, id, state, stream, item, place)
  return true
end

-- Puts back what a consumer holds and has never started, for the answer to its claim was lost.
-- ARGV: consumer, then per task that it has started  id, nonce. Returns how many.
local function relinquish(keys, args)
  local kept, moved, start = {}, 0, id_start(keys)
  for at = 2, #args, 2 do kept[args[at]] = args[at + 1] end
  for stream = 1, STREAMS do
    local from = '-'
    repeat
      local page = redis.pcall('XPENDING', keys[stream], GROUP, from, '+', MOST, args[1])
      if page.err then page = {} end
      for _, pending in ipairs(page) do
        local found = redis.call('XRANGE', keys[stream], pending[1], pending[1])[1]
        if found and well_formed(start, found) and relinquished(keys, stream, found, kept) then moved = moved + 1 end
        from = '(' .. pending[1]
      end
    until #page < MOST
  end
  if moved > 0 then wake_any(keys) end
  return moved
end

-- Renews leases, and tells of cancellations that the control channel may have missed.
-- ARGV: consumer, then per task  id, nonce. Returns per task  1 held · 0 lost · 2 held, cancellation asked for
local function renew(keys, args)
  local answers = {}
  for at = 2, #args, 2 do
    local state = load(keys, args[at])
    if state and state.nonce == args[at + 1] then
      redis.call('XCLAIM', keys[state.stream], GROUP, args[1], 0, state.entry, 'JUSTID')
      answers[#answers + 1] = state.cancel and 2 or 1
    else
      answers[#answers + 1] = 0
    end
  end
  return answers
end

-- Notes something on a running task: how far it is, or what it keeps for its next attempts.
-- ARGV: id, nonce, progress | checkpoint, JSON. Returns 1, or 0 if the lease is lost.
local function note(keys, args)
  local state = load(keys, args[1])
  if not state or state.nonce ~= args[2] then return 0 end
  state[args[3]] = args[4]
  save(keys, args[1], state)
  return 1
end
