-- Record a data set that has been uploaded, to be checked, with the doorbell that asks for it; or none of them.
-- Repeated with the same id or idempotency key: the same data set.
local id, project, key, body, bell = unpack(ARGV, 1, 5)
local before, made = earlier(project, key, body, keys.dataset)
if before then return {before, made} end
if call('EXISTS', keys.dataset(id)) == 1 then return {'replayed', id} end
local time = now()
local number = call('INCR', keys.dataset_count())
call('HSET', keys.dataset(id), 'project', project, 'number', number, 'state', 'checking', 'tries', 0,
  'created_at', time, unpack(ARGV, 6))
call('ZADD', keys.dataset_listing(project), number, id)
call('ZADD', keys.checking(), time, id)
remember(project, key, body, id)
ring('side', bell, 1)
return {'created', id}
