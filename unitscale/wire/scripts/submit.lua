-- Record, place in the queue and doorbell, or none of them. Repeated with the same id or idempotency key: the same job.
-- A campaign's job stays one when it was deleted meanwhile, and none comes once its campaign is over. Its place in the
-- queue it gets together with the others, when all are there (`let_in`).
-- Answers with what became of it, the id, the record and the place in the queue: nobody has to ask again.
local id, project, key, body, quota, queue, band, requested, spec, steps, bell, dataset, needs = unpack(ARGV, 1, 13)
local alike, why_alone, campaign, place = unpack(ARGV, 14)
local function told(outcome, job)
  return {outcome, job, call('HGETALL', keys.job(job)), call('ZRANK', keys.queue(field(job, 'queue')), job) or 0}
end
local before, made = earlier(project, key, body, keys.job)
if before == 'mismatch' then return {before} end
if before then return told(before, made) end
if call('EXISTS', keys.job(id)) == 1 then return told('replayed', id) end
if campaign ~= '' then
  if call('ZSCORE', keys.members(project, campaign), id) then return told('replayed', id) end
  local state, wish = unpack(call('HMGET', keys.campaign(campaign), 'state', 'wish'))
  if state ~= 'running' or wish == 'cancel' then return {'over'} end
end
if unfinished(project) >= tonumber(quota) then return {'quota'} end
if dataset ~= '' then
  if call('HGET', keys.dataset(dataset), 'state') ~= 'ready' then return {'dataset'} end
  call('SADD', keys.uses(dataset), id)
end
local time = now()
call('HSET', keys.job(id), 'project', project, 'queue', queue, 'band', band, 'requested', requested, 'spec', spec,
  'state', 'queued', 'attempt', 0, 'losses', 0, 'created_at', time, 'queued_at', time, 'steps', steps, 'dataset', dataset,
  'needs', needs, 'alike', alike, 'why_alone', why_alone, 'campaign', campaign, 'place', place)
local number = call('INCR', keys.count())
call('HSET', keys.job(id), 'number', number)
call('ZADD', keys.listing(project), number, id)
call('SADD', keys.unfinished(project), id)
if campaign ~= '' then
  call('ZADD', keys.members(project, campaign), number, id)
  call('SADD', keys.open_members(campaign), id)
  call('ZADD', keys.arriving(campaign), place, id)
  local room = tonumber(call('HGET', keys.reserved(project), campaign) or 0)
  if room > 1 then call('HSET', keys.reserved(project), campaign, room - 1) else release_room(campaign) end
else
  enqueue(id, turn(id))
end
call('SADD', keys.queues(), queue)
remember(project, key, body, id)
tell_state(id)
if campaign == '' then ring(queue, bell, 1) end
return told('created', id)
