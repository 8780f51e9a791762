-- Set a job aside: at once where it waits, as a wish where it runs. Returns the state, or 'illegal', or 'missing'.
local id, project = ARGV[1], ARGV[2]
if field(id, 'project') ~= project then return 'missing' end
local state, wish = field(id, 'state'), field(id, 'wish')
if state == 'paused' or wish == 'pause' then return state end
if wish == 'cancel' then return 'illegal' end
if state == 'running' then
  call('HSET', keys.job(id), 'wish', 'pause')
elseif not become(id, 'paused') then
  return 'illegal'
end
tell_state(id)
return field(id, 'state')
