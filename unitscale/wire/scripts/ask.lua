-- Put a question about a job's model to the side queue, with the doorbell that wakes it.
local id, job, question, lifetime, bell = unpack(ARGV)
if call('SET', keys.ask(id), question, 'PX', lifetime, 'NX') then
  call('RPUSH', keys.asks(), id .. ' ' .. job)
  ring('side', bell, 1)
end
return ''
