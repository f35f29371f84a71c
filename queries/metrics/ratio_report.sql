-- The order of all tables of the ratio: of the rows that `pragati ratio` prints, and of those that a nightly run writes.
--
-- One row: one of `download_ratio`, with all of its columns. With periods of time, `download_ratio` here is
-- download_ratio_over_time; in a nightly run it is revised_ratio, whose rows also have a revision.
-- Parameters: $level and $time_window; '*' for every one.
select *
from download_ratio
where ($level = '*' or level = $level) and ($time_window = '*' or time_window = $time_window)
order by
    case level when 'all' then 1 when 'course' then 2 when 'tenant' then 3 else 4 end,
    course_id,
    tenant_id,
    case time_window when 'all' then 1 when '1d' then 2 when '7d' then 3 when '30d' then 4 else 5 end,
    time_window,
    window_start
