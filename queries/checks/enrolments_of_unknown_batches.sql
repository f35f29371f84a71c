-- should: the batch of every enrolment is in batches; others are reported without a tenant
--
-- The rows are those of batches_without_enrolments, so that they are joined once.
select concat('batch ', enrolled.batch_id) as example
from batches
full join (select distinct batch_id from enrolments where batch_id is not null) as enrolled
    on enrolled.batch_id = batches.batch_id
where batches.batch_id is null and enrolled.batch_id is not null
