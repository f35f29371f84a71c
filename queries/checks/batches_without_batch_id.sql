-- must: every row of batches has a batch_id
select concat('course ', coalesce(course_id, 'unknown')) as example
from batches
where batch_id is null
