-- Take the best job there is of those that this worker can do. Its attempt is the fencing token; points past its checkpoint are dropped.
local queue, ticket, worker, slot, lease = unpack(ARGV)
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

local id, score = best()
if not id then return call('EXISTS', keys.queue(queue)) == 1 and 'others' or '[]' end
become(id, 'running')
local time, band = now(), field(id, 'band')
if score >= 0 then call('HSET', keys.turns(queue), 'served:' .. band, score - band * 2 ^ 40) end
call('HINCRBY', keys.job(id), 'attempt', 1)
call('HSETNX', keys.job(id), 'started_at', time)
call('HSET', keys.job(id), 'worker', worker, 'slot', slot, 'claimed_at', time,
  'hardware', call('GET', keys.hardware(worker)) or '')
call('ZADD', keys.leases(), time + lease, id)
local pointer = field(id, 'checkpoint')
drop_points(id, pointer ~= '' and cjson.decode(pointer) or {step = 0})
tell_state(id)
local group = cjson.encode({{id = id, attempt = tonumber(field(id, 'attempt')), spec = field(id, 'spec'),
  checkpoint = pointer}})
call('SET', keys.claim(ticket), group, 'PX', lease)
return group
