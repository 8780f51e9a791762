-- A supervisor gives a job back: its worker is leaving, a pause was obeyed (lost = 0), or its trainer died (lost = 1).
local id, token, lost, code, message, max_losses, bell = unpack(ARGV)
if not holds(id, token) then return 'lost' end
give_back(id, lost == '1', code, message, tonumber(max_losses), bell)
return 'done'
