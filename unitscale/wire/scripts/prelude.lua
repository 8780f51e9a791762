-- What several scripts share. `keys` and `NEXT` (the table of a job's life) stand above this.

local call = redis.call

local function now()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function field(id, name)
  return call('HGET', keys.job(id), name) or ''
end

local function ended(state)
  return next(NEXT[state]) == nil
end

-- What an earlier request with this idempotency key came to: 'replayed' and the id of what it made, as long as that is
-- there (`record` names its key); 'mismatch' where it came with another body; nothing where there was none.
local function earlier(project, key, body, record)
  local seen = key ~= '' and call('GET', keys.idempotency(project, key))
  if not seen then return end
  local before = cjson.decode(seen)
  if before.body ~= body then return 'mismatch', '' end
  if call('EXISTS', record(before.id)) == 1 then return 'replayed', before.id end
end

local DAY_SECONDS = 86400

local function remember(project, key, body, id)
  if key == '' then return end
  call('SET', keys.idempotency(project, key), cjson.encode({body = body, id = id}), 'EX', DAY_SECONDS)
end

-- Does this attempt still hold the job?
local function holds(id, token)
  return field(id, 'state') == 'running' and field(id, 'attempt') == token
end

local function event(id, kind, data)
  call('XADD', keys.events(id), 'MAXLEN', '~', 10000, '*', 'type', kind, 'data', cjson.encode(data))
  call('PUBLISH', keys.live(id), '')
end

local function tell_state(id)
  local found = call('HMGET', keys.job(id), 'state', 'wish', 'attempt', 'reason')
  local data = {state = found[1], attempt = tonumber(found[3]), wish = cjson.null, reason = cjson.null}
  if found[2] and found[2] ~= '' then data.wish = found[2] end
  if found[4] and found[4] ~= '' then data.reason = cjson.decode(found[4]) end
  event(id, 'state', data)
end

-- A node, as it last described itself.
local described = {}
local function describe(worker)
  described[worker] = described[worker] or cjson.decode(call('GET', keys.worker(worker)) or '{}')
  return described[worker]
end

-- Has a node all of this: `models:highway hardware:cpu-1%20EPYC`?
local function can(worker, needs)
  if not needs:find('%S') then return true end
  local abilities = describe(worker).abilities
  if type(abilities) ~= 'table' then return false end
  for kind, name in needs:gmatch('(%S-):(%S+)') do
    local has = false
    name = name:gsub('%%(%x%x)', function(code) return string.char(tonumber(code, 16)) end)
    for _, known in ipairs(abilities[kind] or {}) do has = has or known == name end
    if not has then return false end
  end
  return true
end

-- Wake workers: `bell` is an encoded Celery message with @queue@ and @tag@ where its own go.
local function ring(queue, bell, times)
  for _ = 1, times do
    local message = bell:gsub('@queue@', queue):gsub('@tag@', 'bell-' .. call('INCR', keys.bells()))
    call('LPUSH', keys.doorbells(queue), message)
  end
end

-- Fewer doorbells than queued jobs: ring. Returns how many there were too few.
local function ring_for_all(queue, bell)
  local missing = math.max(call('ZCARD', keys.queue(queue)) - call('LLEN', keys.doorbells(queue)), 0)
  ring(queue, bell, math.min(missing, 100))
  return missing
end

-- The next turn of the job's project among those of its priority: projects take turns, each in order of age.
local function turn(id)
  local queue, band, project = field(id, 'queue'), field(id, 'band'), field(id, 'project')
  local served = tonumber(call('HGET', keys.turns(queue), 'served:' .. band) or 0)
  local last = tonumber(call('HGET', keys.turns(queue), 'last:' .. band .. ':' .. project) or 0)
  local mine = math.max(served, last) + 1
  call('HSET', keys.turns(queue), 'last:' .. band .. ':' .. project, mine)
  return band * 2 ^ 40 + mine
end

-- Put a queued job in its place, and among those that it may train with. One that was lost twice in a row without a
-- new checkpoint is among none: should it be what kills trainers, it takes nobody with it.
local function enqueue(id, score)
  local queue, project, alike, pointer, lost = unpack(call('HMGET', keys.job(id), 'queue', 'project', 'alike',
    'checkpoint', 'losses_in_a_row'))
  call('ZADD', keys.queue(queue), score, id)
  local among = ''
  if alike and alike ~= '' and tonumber(lost or 0) < 2 then
    local step = pointer and pointer ~= '' and cjson.decode(pointer).step or 0
    among = keys.alike(queue, project, alike, step)
    call('ZADD', among, score, id)
  end
  call('HSET', keys.job(id), 'among', among)
end

-- Jobs of a project that have not ended, those among them that a campaign has still to submit: what a quota counts.
local function unfinished(project)
  local count = call('SCARD', keys.unfinished(project))
  for _, jobs in ipairs(call('HVALS', keys.reserved(project))) do count = count + tonumber(jobs) end
  return count
end

-- A campaign submits nothing more of what it began with.
local function release_room(campaign)
  call('HDEL', keys.reserved(call('HGET', keys.campaign(campaign), 'project')), campaign)
end

local function end_campaign(id, state, reason)
  release_room(id)
  call('HSET', keys.campaign(id), 'state', state, 'reason', reason, 'ended_at', now())
  call('HDEL', keys.campaign(id), 'wish')
  call('ZREM', keys.advancing(), id)
  call('DEL', keys.arriving(id))
  call('PUBLISH', keys.live(id), '')
end

-- One of a campaign's jobs has ended: who decides what follows is to look, where each end or the last one matters.
local function member_ended(campaign, id)
  call('SREM', keys.open_members(campaign), id)
  call('HINCRBY', keys.campaign(campaign), 'ended', 1)
  local found = call('HMGET', keys.campaign(campaign), 'state', 'wish', 'heed', 'bell')
  local left = call('SCARD', keys.open_members(campaign))
  if found[1] ~= 'running' then return end
  if found[2] == 'cancel' then
    if left == 0 then end_campaign(campaign, 'cancelled', '') end
  elseif left == 0 or found[3] == 'each' then
    call('ZADD', keys.advancing(), now(), campaign)
    ring('side', found[4], 1)
  end
end

-- The only way a state changes. Returns false where the table forbids it.
local function become(id, state)
  local before = field(id, 'state')
  if not NEXT[before][state] then return false end
  local time = now()
  if before == 'queued' then
    call('ZREM', keys.queue(field(id, 'queue')), id)
    local among = field(id, 'among')
    if among ~= '' then call('ZREM', among, id) end
    call('HINCRBY', keys.job(id), 'queued_ms', time - tonumber(field(id, 'queued_at')))
  end
  if before == 'running' then call('ZREM', keys.leases(), id) end
  call('HSET', keys.job(id), 'state', state)
  if state ~= 'running' then call('HDEL', keys.job(id), 'wish', 'worker', 'slot') end
  if state == 'queued' then call('HSET', keys.job(id), 'queued_at', time) end
  if ended(state) then
    call('HSET', keys.job(id), 'ended_at', time)
    local why = field(id, 'called_off')
    if state == 'cancelled' and why ~= '' then call('HSET', keys.job(id), 'reason', why) end
    call('SREM', keys.unfinished(field(id, 'project')), id)
    call('SREM', keys.uses(field(id, 'dataset')), id)
    local campaign = field(id, 'campaign')
    if campaign ~= '' then member_ended(campaign, id) end
  end
  return true
end

-- Call off a campaign's job: at once where it waits, as a wish where it runs. A job that ends first keeps its end.
local function call_off_one(id, reason)
  call('HSET', keys.job(id), 'called_off', reason)
  if field(id, 'state') == 'running' then
    call('HSET', keys.job(id), 'wish', 'cancel')
  else
    become(id, 'cancelled')
  end
  tell_state(id)
end

local function call_off_all(campaign)
  for _, id in ipairs(call('SMEMBERS', keys.open_members(campaign))) do call_off_one(id, field(id, 'called_off')) end
end

-- A running job without its supervisor: its wish comes true, or it goes back to its queue, to the front unless a score
-- is given, or, lost `max_losses` times in a row without a new checkpoint, it fails: a poisonous job must not circle for ever.
local function give_back(id, lost, code, message, max_losses, bell, score)
  local wish = field(id, 'wish')
  if wish == 'cancel' then
    become(id, 'cancelled')
  elseif wish == 'pause' then
    become(id, 'paused')
  else
    local in_a_row = 0
    if lost then
      call('HINCRBY', keys.job(id), 'losses', 1)
      in_a_row = call('HINCRBY', keys.job(id), 'losses_in_a_row', 1)
    end
    if lost and in_a_row >= max_losses then
      call('HSET', keys.job(id), 'reason', cjson.encode({code = code, message = message}))
      become(id, 'failed')
    else
      become(id, 'queued')
      enqueue(id, score or -1)
      ring(field(id, 'queue'), bell, 1)
    end
  end
  tell_state(id)
end

-- Points that lie at or before `after`: steps only grow along a curve.
local function passed(curve, after, count)
  local low, high = 0, count
  while low < high do
    local middle = math.floor((low + high) / 2)
    if struct.unpack('<I4', call('GETRANGE', curve, middle * 8, middle * 8 + 3)) <= after then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- The points after a step, of some curves or of all, read at one moment: {settled step, state, name, points, …}.
local function points_after(id, after, names)
  if #names == 0 then names = call('SMEMBERS', keys.curves(id)) end
  local answer = {field(id, 'step'), field(id, 'state')}
  for _, key in ipairs(names) do
    local curve = keys.curve(id, key)
    local first = after > 0 and passed(curve, after, call('STRLEN', curve) / 8) or 0
    answer[#answer + 1] = key
    answer[#answer + 1] = call('GETRANGE', curve, first * 8, -1)
  end
  return answer
end
