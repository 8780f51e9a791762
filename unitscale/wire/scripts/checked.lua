-- Put down what a check found, once. Returns 'done', or 'lost' where another one holds it, or 'gone'.
local id, token, state, reason, contents = unpack(ARGV)
local before, try = unpack(call('HMGET', keys.dataset(id), 'state', 'tries'))
if not before then return 'gone' end
if try ~= token then return 'lost' end
if before == state then return 'done' end
if before ~= 'checking' then return 'lost' end
call('HSET', keys.dataset(id), 'state', state, 'reason', reason, 'contents', contents, 'checked_at', now())
call('ZREM', keys.checking(), id)
call('PUBLISH', keys.live(id), '')
return 'done'
