-- should: somebody is enrolled in every batch; the reports of other batches have no rows
select concat('batch ', batches.batch_id) as example
from batches
left anti join enrolments on enrolments.batch_id = batches.batch_id
where batches.batch_id is not null
