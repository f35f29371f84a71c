-- The rows that `pragati ratio` prints, in their order. Parameters: $level and $time_window; '*' for every one.
--
-- With periods of time, `download_ratio` here is download_ratio_over_time.
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
