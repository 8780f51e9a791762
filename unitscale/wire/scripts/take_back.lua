-- End the key with this id, of one project or, without one, of any. Returns its digest; false when there is none such.
local id, project = unpack(ARGV)
for _, digest in ipairs(call('ZRANGE', keys.keys(), 0, -1)) do
  local found = call('HMGET', keys.key(digest), 'id', 'project')
  if found[1] == id and (project == '' or found[2] == project) then
    call('DEL', keys.key(digest))
    call('ZREM', keys.keys(), digest)
    return digest
  end
end
return false
