-- Takes up to `budget` ready messages without blocking. Each priority first gets its share of the budget (8:4:2:1),
-- so that nothing starves; what a share leaves over goes to the most urgent.
-- ARGV: consumer, budget
-- Returns a list of {stream index, entry, id, message}.
local SHARES = { 8, 4, 2, 1 }

local function claim(keys, args)
  local consumer, left = args[1], tonumber(args[2])
  local taken = {}

  local function take(stream_index, count)
    if count < 1 then return 0 end
    local reply = redis.call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', count, 'STREAMS', keys[stream_index], '>')
    if not reply or not reply[1] then return 0 end
    for _, item in ipairs(reply[1][2]) do
      taken[#taken + 1] = { stream_index, item[1], item[2][2], item[2][4] }
    end
    return #reply[1][2]
  end

  local budget = left
  for stream_index = 1, 4 do
    local share = math.max(1, math.floor(budget * SHARES[stream_index] / 15))
    left = left - take(stream_index, math.min(left, share))
  end
  for stream_index = 1, 4 do
    left = left - take(stream_index, left)
  end
  return taken
end

-- Takes over messages whose worker hasn't renewed its lease for `min_idle` ms.
-- ARGV: consumer, min_idle, budget. Returns as claim does.
local function reclaim(keys, args)
  local taken, left = {}, tonumber(args[3])
  for stream_index = 1, 4 do
    if left > 0 and redis.call('EXISTS', keys[stream_index]) == 1 then
      local reply = redis.call('XAUTOCLAIM', keys[stream_index], GROUP, args[1], args[2], '0-0', 'COUNT', left)
      for _, item in ipairs(reply[2]) do
        taken[#taken + 1] = { stream_index, item[1], item[2][2], item[2][4] }
        left = left - 1
      end
    end
  end
  return taken
end
