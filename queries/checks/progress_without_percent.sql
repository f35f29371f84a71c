-- should: progress has a progress_percent or a completed_at; others have a blank Course Progress
select concat('user ', user_id, ' in batch ', batch_id) as example
from course_progress
where progress_percent is null and completed_at is null and user_id is not null and batch_id is not null
