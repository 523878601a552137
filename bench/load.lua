-- SPDX-License-Identifier: Apache-2.0
-- load.lua -- wrk's side of a measurement: what is asked, and the figures as JSON.
--
-- Without COOKIES one address is asked for. With it, COOKIES names a file with a Cookie header a line, and each
-- request is somebody else's; SEED makes the order the same for both sides, AGENT is the browser they use.
-- There is no response() here: it would make wrk parse each answer and become the bottleneck. The caller
-- looks at the mean size instead, which a redirect or an error page cannot have.
local requests = {}

function init(args)
    local file = os.getenv("COOKIES")
    if not file then return end
    math.randomseed(tonumber(os.getenv("SEED") or "1"))
    for line in io.lines(file) do
        requests[#requests + 1] = wrk.format("GET", nil, {
            ["Cookie"] = line, ["User-Agent"] = os.getenv("AGENT"), ["Accept-Language"] = "de" })
    end
    request = function() return requests[math.random(#requests)] end
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format(
        'JSON {"rate":%.2f,"requests":%d,"bytes":%d,"p50":%d,"p99":%d,"p999":%d,"errors":%d,"wrong":%d}\n',
        summary.requests * 1e6 / summary.duration, summary.requests, summary.bytes, latency:percentile(50),
        latency:percentile(99), latency:percentile(99.9), e.connect + e.read + e.write + e.timeout, e.status))
end
