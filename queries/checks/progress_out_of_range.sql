-- should: progress_percent is a number from 0 to 100; others are clamped, or blank where they are not a number
select concat('user ', user_id, ' in batch ', batch_id, ': ', progress_percent) as example
from course_progress
where progress_percent < 0 or progress_percent > 100 or isnan(progress_percent)
