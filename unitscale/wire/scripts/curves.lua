-- The points after a step, of some curves or of all, read at one moment: {settled step, state, name, points, …}.
local id, after = ARGV[1], tonumber(ARGV[2])
local names = {unpack(ARGV, 3)}
if #names == 0 then names = call('SMEMBERS', keys.curves(id)) end

-- Points that lie at or before `after`: steps only grow along a curve.
local function passed(curve, count)
  local low, high = 0, count
  while low < high do
    local middle = math.floor((low + high) / 2)
    if struct.unpack('<I4', call('GETRANGE', curve, middle * 8, middle * 8 + 3)) <= after then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

local answer = {field(id, 'step'), field(id, 'state')}
for _, key in ipairs(names) do
  local curve = keys.curve(id, key)
  local first = after > 0 and passed(curve, call('STRLEN', curve) / 8) or 0
  answer[#answer + 1] = key
  answer[#answer + 1] = call('GETRANGE', curve, first * 8, -1)
end
return answer
