-- Give a check back, nothing lost: its worker is leaving. Returns 'done', or 'lost'.
local id, token, bell = unpack(ARGV)
local state, try = unpack(call('HMGET', keys.dataset(id), 'state', 'tries'))
if state ~= 'checking' or try ~= token then return 'lost' end
if call('HGET', keys.dataset(id), 'left_by') ~= token then
  call('HSET', keys.dataset(id), 'left_by', token)
  call('HINCRBY', keys.dataset(id), 'left', 1)
  call('ZADD', keys.checking(), now(), id)
  ring('side', bell, 1)
end
return 'done'
