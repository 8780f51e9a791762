-- What was decided in a round is launched: its campaign rests, or is due in some time. Where something made it due
-- meanwhile, or somebody took it, that stays.
local id, round, due = unpack(ARGV)
local found = call('HMGET', keys.campaign(id), 'round', 'launch_due')
if found[1] ~= round or not found[2] or call('ZSCORE', keys.advancing(), id) ~= found[2] then return 'lost' end
release_room(id)
if due == '' then
  call('ZREM', keys.advancing(), id)
else
  call('ZADD', keys.advancing(), now() + due, id)
end
return 'done'
