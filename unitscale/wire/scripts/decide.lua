-- Put down what was decided about a campaign, once. Returns 'done', or 'lost' where another one has decided meanwhile.
-- Jobs that ended since it was looked at make it due again; so does a launch that nobody says was done.
local id, round, ended, document, heed, state, reason, launch = unpack(ARGV, 1, 8)
local before = call('HMGET', keys.campaign(id), 'round', 'state', 'wish', 'ended')
if before[1] ~= round or before[2] ~= 'running' or before[3] == 'cancel' then return 'lost' end
call('HSET', keys.campaign(id), 'document', document, 'round', round + 1, 'tries', 0, 'heed', heed)
for i = 9, #ARGV, 2 do
  if call('SISMEMBER', keys.open_members(id), ARGV[i]) == 1 then call_off_one(ARGV[i], ARGV[i + 1]) end
end
if state ~= 'running' then
  call_off_all(id)
  end_campaign(id, state, reason)
elseif before[4] ~= ended then
  call('ZADD', keys.advancing(), now(), id)
else
  local due = now() + launch
  call('HSET', keys.campaign(id), 'launch_due', due)
  call('ZADD', keys.advancing(), due, id)
end
call('PUBLISH', keys.live(id), '')
return 'done'
