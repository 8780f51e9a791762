-- Take the data set that waits longest for its check, or whose checker was lost. Its try is the fencing token. A file
-- that kills every process that reads it must not circle for ever: it is invalid, and told with the token 0.
local lease, most, reason = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local time = now()
local id = call('ZRANGE', keys.checking(), '-inf', time, 'BYSCORE', 'LIMIT', 0, 1)[1]
if not id then return false end
local token = call('HINCRBY', keys.dataset(id), 'tries', 1)
local left = tonumber(call('HGET', keys.dataset(id), 'left') or 0)
if token - left > most then
  call('HSET', keys.dataset(id), 'state', 'invalid', 'reason', reason, 'checked_at', time)
  call('ZREM', keys.checking(), id)
  call('PUBLISH', keys.live(id), '')
  token = 0
else
  call('ZADD', keys.checking(), time + lease, id)
end
return {id, token, unpack(call('HMGET', keys.dataset(id), 'task', 'format', 'target', 'sha256'))}
