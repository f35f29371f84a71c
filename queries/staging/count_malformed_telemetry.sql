-- How much telemetry is malformed. One row: the number of lines that are no events.
select count(*) as malformed_lines
from malformed_telemetry
