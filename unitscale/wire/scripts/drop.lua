-- Forget a data set that no unfinished job uses. Returns 'dropped', or 'used', or 'missing'.
local id, project = ARGV[1], ARGV[2]
if call('HGET', keys.dataset(id), 'project') ~= project then return 'missing' end
if call('SCARD', keys.uses(id)) > 0 then return 'used' end
call('DEL', keys.dataset(id), keys.uses(id))
call('ZREM', keys.dataset_listing(project), id)
call('ZREM', keys.checking(), id)
call('PUBLISH', keys.live(id), '')
return 'dropped'
