-- should: the batch of every enrolment is in batches; others are reported without a tenant
select concat('batch ', enrolled.batch_id) as example
from (select distinct batch_id from enrolments where batch_id is not null) as enrolled
left anti join batches on batches.batch_id = enrolled.batch_id
