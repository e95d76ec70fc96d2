-- Health of a FlinkDeployment, FlinkCluster or FlinkJob for Argo CD, from its conditions.
local status = obj.status or {}
if (status.observedGeneration or 0) < obj.metadata.generation then
  return {status = "Progressing", message = "its newest spec has not been seen yet"}
end

local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end

local healths = {{"Stalled", "Degraded"}, {"Suspended", "Suspended"}, {"Ready", "Healthy"}}
for _, pair in ipairs(healths) do
  local condition = found[pair[1]]
  if condition and condition.status == "True" then
    return {status = pair[2], message = condition.message}
  end
end
return {status = "Progressing", message = found.Ready and found.Ready.message or "no condition yet"}
