-- Record a campaign, about to be advanced, with the doorbell that asks for it. Repeated with the same id or
-- idempotency key: the same campaign.
local id, project, kind, key, body, jobs, quota, requested, document, bell, due = unpack(ARGV)
local before, made = earlier(project, key, body, keys.campaign)
if before then return {before, made} end
if call('EXISTS', keys.campaign(id)) == 1 then return {'replayed', id} end
if unfinished(project) + tonumber(jobs) > tonumber(quota) then return {'quota', ''} end
local number = call('INCR', keys.campaign_count())
call('HSET', keys.campaign(id), 'project', project, 'kind', kind, 'number', number, 'state', 'running', 'round', 0,
  'ended', 0, 'tries', 0, 'heed', 'all', 'requested', requested, 'document', document, 'bell', bell, 'created_at', now())
call('ZADD', keys.campaign_listing(project, kind), number, id)
call('ZADD', keys.advancing(), now() + due, id)
if jobs ~= '0' then call('HSET', keys.reserved(project), id, jobs) end
remember(project, key, body, id)
if due == '0' then ring('side', bell, 1) end
return {'created', id}
