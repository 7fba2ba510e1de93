-- wrk sends the requests of the file named by REQUESTS one after the other, each exactly as it was written.
-- At the end it prints one line of JSON: latencies in milliseconds, `refused` answers and `broken` connections.
local file

function init(_)
  file = assert(io.open(os.getenv("REQUESTS"), "rb"))
  file:setvbuf("full", 1048576)
end

function request()
  local length = file:read(7)
  if length == nil then
    -- The file was too short for this machine: the result would be about repeats only.
    io.stderr:write("out of requests\n")
    os.exit(3)
  end
  return file:read(tonumber(length))
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.4f,"p50":%.4f,"p99":%.4f,"longest":%.4f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
