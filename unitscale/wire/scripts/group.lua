-- A trainer has found out with how many a job trains. One that does not belong goes back to its old place, nothing lost.
-- What was measured holds for all jobs like it on this hardware. Returns the wish, or 'lost'.
local id, token, trains, fused, hardware, finding, bell, lifetime = unpack(ARGV)
if finding ~= '' then
  local known = keys.findings(hardware)
  if call('HLEN', known) >= 10000 then call('DEL', known) end
  call('HSET', known, field(id, 'alike'), finding)
  call('EXPIRE', known, lifetime)
end
if not holds(id, token) then return 'lost' end
if trains == '1' then
  call('HSET', keys.job(id), 'fused', fused)
  return field(id, 'wish')
end
if token == '1' then call('HDEL', keys.job(id), 'started_at', 'fused') end
give_back(id, false, '', '', 0, bell, tonumber(field(id, 'score')))
return ''
