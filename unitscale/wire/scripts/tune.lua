-- Put down what `auto` became. Returns 'done', or 'lost' where a newer attempt holds the job.
local id, token, spec, steps, tuned = unpack(ARGV)
if not holds(id, token) then return 'lost' end
call('HSET', keys.job(id), 'spec', spec, 'steps', steps, 'tuned', tuned)
call('PUBLISH', keys.live(id), '')
return 'done'
