-- A node says that it is there. Nodes that were not heard of for a while are forgotten.
local id, document, lifetime = unpack(ARGV)
call('SET', keys.worker(id), document, 'EX', lifetime)
call('ZADD', keys.workers(), now(), id)
call('ZREMRANGEBYSCORE', keys.workers(), '-inf', now() - lifetime * 1000)
