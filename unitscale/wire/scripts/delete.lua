-- Forget an ended job. Returns 'deleted', or 'unfinished', or 'missing'.
local id, project = ARGV[1], ARGV[2]
if field(id, 'project') ~= project then return 'missing' end
if not ended(field(id, 'state')) then return 'unfinished' end
for _, key in ipairs(call('SMEMBERS', keys.curves(id))) do call('DEL', keys.curve(id, key)) end
call('DEL', keys.job(id), keys.events(id), keys.curves(id), keys.marks(id))
call('ZREM', keys.listing(project), id)
call('PUBLISH', keys.live(id), '')
return 'deleted'
