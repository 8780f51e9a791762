-- Put a question to the side queue, with the doorbell that wakes it.
local id, question, lifetime, bell = unpack(ARGV)
if call('SET', keys.ask(id), question, 'PX', lifetime, 'NX') then
  call('RPUSH', keys.asks(), id)
  ring('side', bell, 1)
end
return ''
