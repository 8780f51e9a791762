-- Nothing follows for a campaign: it rests until a job ends, or its time has come. Returns 'lost' where something has
-- changed since it was looked at.
local id, round, ended, due = unpack(ARGV)
local found = call('HMGET', keys.campaign(id), 'round', 'state', 'wish', 'ended')
if found[1] ~= round or found[2] ~= 'running' or found[3] == 'cancel' then return 'lost' end
call('HSET', keys.campaign(id), 'tries', 0)
if found[4] ~= ended then
  call('ZADD', keys.advancing(), now(), id)
elseif due == '' then
  call('ZREM', keys.advancing(), id)
else
  call('ZADD', keys.advancing(), now() + due, id)
end
return 'done'
