-- The oldest question that is still waited for and that this worker can answer: it has the plug-ins of the model.
local worker = ARGV[1]
for _, entry in ipairs(call('LRANGE', keys.asks(), 0, -1)) do
  local id, job = entry:match('(%S+) (%S+)')
  local question = call('GET', keys.ask(id))
  local needs = field(job, 'needs')
  for _, kind in ipairs({'datasets', 'precisions', 'hardware', 'measures'}) do needs = needs:gsub(kind .. ':%S+', '') end
  if not question then
    call('LREM', keys.asks(), 1, entry)
  elseif can(worker, needs) then
    call('LREM', keys.asks(), 1, entry)
    call('DEL', keys.ask(id))
    return {id, question}
  end
end
return false
