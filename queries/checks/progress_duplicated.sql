-- should: a user's progress in a batch stands in course_progress once; the highest percent counts
select concat('user ', user_id, ' in batch ', batch_id) as example
from course_progress
where user_id is not null and batch_id is not null
group by user_id, batch_id
having count(*) > 1
