-- Fewer doorbells than queued jobs: ring. A lost message thus delays a job by one round at most.
local rung = 0
for _, queue in ipairs(call('SMEMBERS', keys.queues())) do
  local missing = call('ZCARD', keys.queue(queue)) - call('LLEN', keys.doorbells(queue))
  if missing > 0 then
    ring(queue, ARGV[1], math.min(missing, 100))
    rung = rung + missing
  end
end
return rung
