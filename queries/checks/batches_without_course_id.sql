-- should: every batch names its course; others count for no course's ratio
select concat('batch ', batch_id) as example
from batches
where course_id is null and batch_id is not null
