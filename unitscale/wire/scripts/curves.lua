-- The points after a step, of some curves or of all.
return points_after(ARGV[1], tonumber(ARGV[2]), {unpack(ARGV, 3)})
