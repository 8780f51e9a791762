-- What a reader who follows has not seen, read at one moment: points after a step, and some events after an entry.
local id, step, entry, limit = unpack(ARGV)
return {points_after(id, tonumber(step), {}), call('XRANGE', keys.events(id), '(' .. entry, '+', 'COUNT', limit)}
