-- Call a campaign off with all of its jobs; none is submitted any more. Returns its state, or 'illegal', or 'missing'.
local id, project, kind = ARGV[1], ARGV[2], ARGV[3]
local found = call('HMGET', keys.campaign(id), 'project', 'kind', 'state', 'wish')
if found[1] ~= project or found[2] ~= kind then return 'missing' end
if found[3] == 'cancelled' or found[4] == 'cancel' then return found[3] end
if found[3] ~= 'running' then return 'illegal' end
call('HSET', keys.campaign(id), 'wish', 'cancel')
call('ZREM', keys.advancing(), id)
release_room(id)
call_off_all(id)
if call('SCARD', keys.open_members(id)) == 0 then end_campaign(id, 'cancelled', '') end
call('PUBLISH', keys.live(id), '')
return call('HGET', keys.campaign(id), 'state')
