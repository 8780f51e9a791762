-- Take the best job there is of those that this worker can do, with others that may train with it. A job's attempt is
-- its fencing token; points past its checkpoint are dropped.
local queue, ticket, worker, slot, lease, hardware, most = unpack(ARGV)
local before = call('GET', keys.claim(ticket))
if before then return before end

local function drop_points(id, checkpoint)
  for _, key in ipairs(call('SMEMBERS', keys.curves(id))) do
    local kept = (checkpoint.points or {})[key] or 0
    local curve = keys.curve(id, key)
    if kept == 0 then
      call('DEL', curve)
      call('SREM', keys.curves(id), key)
    elseif call('STRLEN', curve) > kept * 8 then
      call('SET', curve, call('GETRANGE', curve, 0, kept * 8 - 1))
    end
  end
  local marks = call('GET', keys.marks(id)) or ''
  local size = #marks
  while size > 0 and struct.unpack('<I4', marks:sub(size - 15, size - 12)) > checkpoint.step do size = size - 16 end
  call('SET', keys.marks(id), marks:sub(1, size))
  call('HSET', keys.job(id), 'step', checkpoint.step, 'training_seconds', checkpoint.training_seconds or 0,
    'evaluation_seconds', checkpoint.evaluation_seconds or 0, 'examples', checkpoint.examples or 0)
end

-- Mostly the first; of those that wait for a worker with other abilities no more than a thousand are passed over.
local function best()
  for first = 0, 990, 10 do
    local some = call('ZRANGE', keys.queue(queue), first, first + 9, 'WITHSCORES')
    for place = 1, #some, 2 do
      if can(worker, field(some[place], 'needs')) then return some[place], tonumber(some[place + 1]) end
    end
    if #some < 20 then return end
  end
end

-- Slots of this queue that train nothing and can do all of this, this one included.
local function free_slots(needs)
  local busy, free = {}, 0
  for _, id in ipairs(call('ZRANGE', keys.leases(), 0, -1)) do
    local of, node, devices = unpack(call('HMGET', keys.job(id), 'queue', 'worker', 'slot'))
    if of == queue and node then busy[node .. ' ' .. devices] = true end
  end
  for _, node in ipairs(call('ZRANGE', keys.workers(), 0, -1)) do
    for _, place in ipairs(can(node, needs) and describe(node).slots or {}) do
      if place.queue == queue and not busy[node .. ' ' .. table.concat(place.devices, ',')] then free = free + 1 end
    end
  end
  return math.max(free, 1)
end

-- Who trains: the best job, and so many others in their order that free slots share them. With what is known, and why.
local function group(id)
  local among, alike, alone = unpack(call('HMGET', keys.job(id), 'among', 'alike', 'why_alone'))
  if not among or among == '' then
    return {id}, nil, alone and alone ~= '' and alone or 'it was lost twice in a row'
  end
  local there = call('ZCARD', among)
  if there <= 1 then return {id}, nil, 'no other job like it waited' end
  local finding = call('HGET', keys.findings(hardware), alike)
  finding = finding and cjson.decode(finding)
  local wanted = math.min(there, tonumber(most))
  if finding and finding.most < finding.tried then wanted = math.min(wanted, finding.most) end
  if wanted <= 1 then return {id}, finding, finding.why end
  wanted = math.min(wanted, math.ceil(there / free_slots(field(id, 'needs'))))
  if wanted <= 1 then return {id}, finding, 'as many slots were free as jobs like it waited' end
  if finding and finding.tried < wanted then finding = nil end
  local ids = {id}
  for _, other in ipairs(call('ZRANGE', among, 0, wanted - 1)) do
    if other ~= id and #ids < wanted then ids[#ids + 1] = other end
  end
  if not finding then return ids, nil, 'what they cost together is not known yet' end
  if #ids == finding.most then return ids, finding, finding.why end
  return ids, finding, (finding.most < finding.tried and 'at most ' or 'up to ') .. finding.most .. ' pay: ' .. finding.why
end

local function take(id, score, time, fused, finding)
  call('HSET', keys.job(id), 'worker', worker, 'slot', slot, 'claimed_at', time, 'fused', fused,
    'hardware', hardware, 'score', score)
  become(id, 'running')
  call('HINCRBY', keys.job(id), 'attempt', 1)
  call('HSETNX', keys.job(id), 'started_at', time)
  call('ZADD', keys.leases(), time + lease, id)
  local pointer = field(id, 'checkpoint')
  drop_points(id, pointer ~= '' and cjson.decode(pointer) or {step = 0})
  tell_state(id)
  return {id = id, attempt = tonumber(field(id, 'attempt')), spec = field(id, 'spec'), checkpoint = pointer,
    measured = finding and true or false}
end

local id, score = best()
if not id then return call('EXISTS', keys.queue(queue)) == 1 and 'others' or '[]' end
local ids, finding, why = group(id)
local cost = finding and #ids == finding.most and finding.cost or nil
local fused = cjson.encode({lanes = #ids, why = why, cost = cost})
local time, band, taken = now(), field(id, 'band'), {}
if score >= 0 then call('HSET', keys.turns(queue), 'served:' .. band, score - band * 2 ^ 40) end
for place, each in ipairs(ids) do
  local from = place == 1 and score or call('ZSCORE', keys.queue(queue), each)
  taken[place] = take(each, from, time, fused, finding)
end
local answer = cjson.encode(taken)
call('SET', keys.claim(ticket), answer, 'PX', lease)
return answer
