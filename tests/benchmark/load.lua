-- For wrk: asks for another path each time if PEOPLE is set, and prints the results as JSON.
local people, number = tonumber(os.getenv("PEOPLE")), tonumber(os.getenv("FIRST"))
local before, between, after

if people then
   function request()
      if not before then
         local whole = wrk.format()
         before, between, after = whole:match("^(.-)PERSON(.-)NUMBER(.*)$")
      end
      number = number + 1
      return before .. string.format("%05d", number % people) .. between .. number .. after
   end
end

function done(summary)
   local errors, wrong = summary.errors, 0
   for _, kind in ipairs({"connect", "read", "write", "status", "timeout"}) do
      wrong = wrong + errors[kind]
   end
   io.write(string.format('\n{"seconds": %f, "answers": %d, "wrong": %d, "size": %d}\n',
      summary.duration / 1e6, summary.requests, wrong, summary.bytes))
end
