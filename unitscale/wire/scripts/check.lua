-- Take the data set that waits longest for its check, or whose checker was lost. Its try is the fencing token; a file
-- that kills every process that reads it must not circle for ever.
local lease, most, reason = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local time = now()
for _, id in ipairs(call('ZRANGE', keys.checking(), '-inf', time, 'BYSCORE', 'LIMIT', 0, 100)) do
  local number = call('HINCRBY', keys.dataset(id), 'tries', 1)
  if number <= most then
    call('ZADD', keys.checking(), time + lease, id)
    return {id, number, unpack(call('HMGET', keys.dataset(id), 'task', 'format', 'target', 'sha256'))}
  end
  call('HSET', keys.dataset(id), 'state', 'invalid', 'reason', reason, 'checked_at', time)
  call('ZREM', keys.checking(), id)
  call('PUBLISH', 'live', id)
end
return false
