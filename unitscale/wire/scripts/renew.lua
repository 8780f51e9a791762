-- Prolong the leases of a group. For each job: its wish, '' for none, or 'lost' where a newer attempt holds it.
local lease = tonumber(ARGV[1])
local answers = {}
for i = 2, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  if holds(id, token) then
    call('ZADD', keys.leases(), now() + lease, id)
    answers[#answers + 1] = field(id, 'wish')
  else
    answers[#answers + 1] = 'lost'
  end
end
return answers
