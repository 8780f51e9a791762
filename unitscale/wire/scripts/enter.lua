-- Record a data set that has been uploaded, to be checked, with the doorbell that asks for it; or none of them.
-- Repeated with the same id or idempotency key: the same data set.
local id, project, key, body, bell = unpack(ARGV, 1, 5)
if key ~= '' then
  local seen = call('GET', keys.idempotency(project, key))
  if seen then
    local before = cjson.decode(seen)
    if before.body ~= body then return {'mismatch', ''} end
    if call('EXISTS', keys.dataset(before.id)) == 1 then return {'replayed', before.id} end
  end
end
if call('EXISTS', keys.dataset(id)) == 1 then return {'replayed', id} end
local time = now()
local number = call('INCR', keys.dataset_count())
call('HSET', keys.dataset(id), 'project', project, 'number', number, 'state', 'checking', 'tries', 0,
  'created_at', time, unpack(ARGV, 6))
call('ZADD', keys.dataset_listing(project), number, id)
call('ZADD', keys.checking(), time, id)
if key ~= '' then
  call('SET', keys.idempotency(project, key), cjson.encode({body = body, id = id}), 'EX', 86400)
end
ring('side', bell, 1)
return {'created', id}
