-- Take back jobs whose lease ran out: their supervisor is gone.
local max_losses, bell = tonumber(ARGV[1]), ARGV[2]
local late = call('ZRANGE', keys.leases(), '-inf', '(' .. now(), 'BYSCORE', 'LIMIT', 0, 100)
for _, id in ipairs(late) do
  give_back(id, true, 'worker_lost', 'Its worker was lost ' .. max_losses .. ' times in a row without a new checkpoint.',
    max_losses, bell)
end
return #late
