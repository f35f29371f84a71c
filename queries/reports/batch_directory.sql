-- What deliveries need to know of the batches that have a report: who may have it, and what a mail calls it.
--
-- One row: one batch. created_by and mentors are NULL for a batch that only enrolments name.
select
    report_batch.batch_id,
    report_batch.course_id,
    report_batch.batch_name,
    report_batch.tenant_id,
    batch.created_by,
    batch.mentors
from report_batches as report_batch
left join distinct_batches as batch on batch.batch_id = report_batch.batch_id
order by report_batch.batch_id
