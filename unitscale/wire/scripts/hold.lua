-- Prolong the lease of a check. Returns 'held', or 'lost' where another one holds it, or nothing needs it any more.
local id, token, lease = unpack(ARGV)
local state, try = unpack(call('HMGET', keys.dataset(id), 'state', 'tries'))
if state ~= 'checking' or try ~= token then return 'lost' end
call('ZADD', keys.checking(), now() + lease, id)
return 'held'
