-- Prolong an advancer's lease. Returns until when it holds, or nothing where it is over: another one took the campaign,
-- a decision was put down, or a job ended meanwhile.
local id, held, lease = unpack(ARGV)
if call('ZSCORE', keys.advancing(), id) ~= held then return '' end
local due = string.format('%.0f', now() + lease)
call('ZADD', keys.advancing(), due, id)
return due
