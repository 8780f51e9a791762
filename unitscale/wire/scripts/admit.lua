-- Make a key, once.
local digest = ARGV[1]
if call('EXISTS', keys.key(digest)) == 0 then
  local time = now()
  call('HSET', keys.key(digest), 'created_at', time, unpack(ARGV, 2))
  call('ZADD', keys.keys(), time, digest)
end
return ''
