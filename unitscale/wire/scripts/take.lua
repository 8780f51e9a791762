-- The oldest question that is still waited for.
while true do
  local id = call('LPOP', keys.asks())
  if not id then return false end
  local question = call('GET', keys.ask(id))
  if question then
    call('DEL', keys.ask(id))
    return {id, question}
  end
end
