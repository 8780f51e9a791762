-- Fewer doorbells than queued jobs: ring; none for questions, checks or campaigns that wait: ring. A lost message thus
-- delays each by one round at most.
local train, answer = unpack(ARGV)
local rung = 0
for _, queue in ipairs(call('SMEMBERS', keys.queues())) do rung = rung + ring_for_all(queue, train) end
if call('LLEN', keys.asks()) + call('ZCOUNT', keys.checking(), '-inf', now())
    + call('ZCOUNT', keys.advancing(), '-inf', now()) > 0
  and call('LLEN', keys.doorbells('side')) == 0 then
  ring('side', answer, 1)
end
return rung
