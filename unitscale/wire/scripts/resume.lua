-- Queue a paused job again, or withdraw the wish to pause it. Returns the state, or 'illegal', or 'missing'.
local id, project, bell = ARGV[1], ARGV[2], ARGV[3]
if field(id, 'project') ~= project then return 'missing' end
local state, wish = field(id, 'state'), field(id, 'wish')
if wish == 'cancel' then return 'illegal' end
if state == 'queued' or (state == 'running' and wish == '') then return state end
if state == 'running' then
  call('HDEL', keys.job(id), 'wish')
elseif become(id, 'queued') then
  enqueue(id, turn(id))
  ring(field(id, 'queue'), bell, 1)
else
  return 'illegal'
end
tell_state(id)
return field(id, 'state')
