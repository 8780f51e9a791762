-- Give an answer to whoever waits for it.
local id, answer, lifetime = unpack(ARGV)
call('SET', keys.answer(id), answer, 'EX', lifetime)
call('PUBLISH', keys.live(id), '')
return ''
