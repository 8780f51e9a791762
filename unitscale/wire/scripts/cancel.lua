-- Call a job off: at once where it waits, as a wish where it runs. Returns the state, or 'illegal', or 'missing'.
local id, project = ARGV[1], ARGV[2]
if field(id, 'project') ~= project then return 'missing' end
local state = field(id, 'state')
if state == 'cancelled' or (state == 'running' and field(id, 'wish') == 'cancel') then return state end
if state == 'running' then
  call('HSET', keys.job(id), 'wish', 'cancel')
elseif not become(id, 'cancelled') then
  return 'illegal'
end
tell_state(id)
return field(id, 'state')
