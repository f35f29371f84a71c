-- What would be lost of the ratio by day with an earlier output: its rows that a later output has not carried over.
--
-- One row in all: `lost_rows`, and `first_day` and `last_day` of them.
-- Tables: `earlier_ratio` and `later_ratio`, the ratio by day of the two outputs.
-- Parameters: $earliest_day; days before it are not carried over.
with
    both_outputs as (
        select level, course_id, tenant_id, window_end, false as is_later from earlier_ratio
        union all
        select level, course_id, tenant_id, window_end, true as is_later from later_ratio
    ),
    matched as (
        select level, course_id, tenant_id, window_end, bool_or(is_later) as is_kept
        from both_outputs
        group by level, course_id, tenant_id, window_end
    )
select
    count(*) as lost_rows,
    min(window_end) as first_day,
    max(window_end) as last_day
from matched
where not is_kept and window_end >= $earliest_day
