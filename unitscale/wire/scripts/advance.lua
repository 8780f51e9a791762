-- Take the campaign that waits longest to be advanced, or whose advancer was lost. One that kills every process that
-- looks at it must not circle for ever: it fails.
local lease, most, reason = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local time = now()
local id = call('ZRANGE', keys.advancing(), '-inf', time, 'BYSCORE', 'LIMIT', 0, 1)[1]
if not id then return false end
if call('HINCRBY', keys.campaign(id), 'tries', 1) > most then
  call_off_all(id)
  end_campaign(id, 'failed', reason)
  return {id, ''}  -- it is over, and held by nobody
end
local due = string.format('%.0f', time + lease)
call('ZADD', keys.advancing(), due, id)
return {id, due}
