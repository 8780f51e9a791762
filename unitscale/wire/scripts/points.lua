-- Write points at their offsets, so that a repeat is harmless. Returns the job's wish, or 'lost'.
local id, token, step, steps, training, evaluation, examples = unpack(ARGV, 1, 7)
if not holds(id, token) then return 'lost' end
for i = 8, #ARGV, 3 do
  local key, offset, data = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
  call('SADD', keys.curves(id), key)
  call('SETRANGE', keys.curve(id, key), offset * 8, data)
end
local time = call('TIME')
local seconds = time[1] + time[2] / 1e6
local marks = call('GETRANGE', keys.marks(id), -16, -1)
local last_step, last_attempt, last_seconds = 0, 0, 0
if #marks == 16 then last_step, last_attempt, last_seconds = struct.unpack('<I4I4d', marks) end
if tonumber(step) > last_step and (last_attempt ~= tonumber(token) or seconds - last_seconds >= 1) then
  call('APPEND', keys.marks(id), struct.pack('<I4I4d', step, token, seconds))
end
if field(id, 'startup_ms') == '' or field(id, 'startup_of') ~= token then
  call('HSET', keys.job(id), 'startup_of', token, 'startup_ms', now() - tonumber(field(id, 'claimed_at')))
end
call('HSET', keys.job(id), 'step', step, 'steps', steps, 'training_seconds', training,
  'evaluation_seconds', evaluation, 'examples', examples)
call('PUBLISH', keys.live(id), '')
return field(id, 'wish')
