-- Put down what was decided about a campaign, once. Returns 'done', or 'lost' where another one has decided meanwhile.
-- Jobs that ended since it was looked at make it due again.
local id, round, ended, document, heed, state, reason, due = unpack(ARGV)
local before = call('HMGET', keys.campaign(id), 'round', 'state', 'wish', 'ended')
if before[1] ~= round or before[2] ~= 'running' or before[3] == 'cancel' then return 'lost' end
call('HSET', keys.campaign(id), 'document', document, 'round', round + 1, 'tries', 0, 'heed', heed)
if state ~= 'running' then
  call_off_all(id)
  end_campaign(id, state, reason)
elseif before[4] ~= ended then
  call('ZADD', keys.advancing(), now(), id)
elseif due == '' then
  call('ZREM', keys.advancing(), id)
else
  call('ZADD', keys.advancing(), now() + due, id)
end
call('PUBLISH', 'live', id)
return 'done'
