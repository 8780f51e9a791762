-- All jobs of a campaign are recorded: they take their places in the queue in one step, and slots are woken, so that a
-- slot finds all that may train together. One that was called off, set aside or queued again meanwhile stays as it is.
local campaign, bell = unpack(ARGV)
local queues = {}
for _, id in ipairs(call('ZRANGE', keys.arriving(campaign), 0, -1)) do
  local queue = field(id, 'queue')
  if field(id, 'state') == 'queued' and not call('ZSCORE', keys.queue(queue), id) then
    enqueue(id, turn(id))
    queues[queue] = true
  end
end
call('DEL', keys.arriving(campaign))
for queue in pairs(queues) do ring_for_all(queue, bell) end
return 'done'
