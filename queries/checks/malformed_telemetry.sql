-- should: every line of telemetry is an event; others do not count
select concat(file, case when line is null then '' else concat(' line ', line) end, ': ', reason) as example
from malformed_telemetry
