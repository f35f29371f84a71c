-- should: somebody is enrolled in every batch; the reports of other batches have no rows
--
-- The rows are those of enrolments_of_unknown_batches, so that they are joined once.
select concat('batch ', batches.batch_id) as example
from batches
full join (select distinct batch_id from enrolments where batch_id is not null) as enrolled
    on enrolled.batch_id = batches.batch_id
where enrolled.batch_id is null and batches.batch_id is not null
