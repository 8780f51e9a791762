-- End a job, once, whoever else is trying. Returns 'done', or 'lost' where a newer attempt holds it.
local id, token, state, reason, result, artifacts = unpack(ARGV)
if field(id, 'state') == state and field(id, 'attempt') == token then return 'done' end
if not holds(id, token) then return 'lost' end
call('HSET', keys.job(id), 'reason', reason, 'result', result, 'artifacts', artifacts)
become(id, state)
tell_state(id)
return 'done'
