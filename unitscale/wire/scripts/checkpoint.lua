-- Publish a checkpoint that is whole on disk: the pointer a later attempt starts from. Returns the wish, or 'lost'.
local id, token, pointer, keep = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if not holds(id, token) then return 'lost' end
if field(id, 'checkpoint') ~= pointer then
  local new = cjson.decode(pointer)
  local known = field(id, 'checkpoints')
  local all = known ~= '' and cjson.decode(known) or {}
  all[#all + 1] = {step = new.step, attempt = new.attempt, folder = new.folder, bytes = new.bytes, created_at = now()}
  while #all > keep do table.remove(all, 1) end
  call('HSET', keys.job(id), 'checkpoint', pointer, 'checkpoints', cjson.encode(all), 'losses_in_a_row', 0)
  event(id, 'checkpoint', {step = new.step, attempt = new.attempt})
end
return field(id, 'wish')
