-- The batches that have a report: those of `batches`, and those that only enrolments name.
--
-- One row: one batch, with its course, name and tenant where known; of a batch that only enrolments name, the smallest
-- course that they name.
-- View.
with
    enrolled_batches as (
        select batch_id, min(course_id) as course_id
        from enrolments
        where batch_id is not null and user_id is not null
        group by batch_id
    )
select
    coalesce(batch.batch_id, enrolled.batch_id) as batch_id,
    case when batch.batch_id is null then enrolled.course_id else batch.course_id end as course_id,
    batch.batch_name,
    batch.tenant_id
from distinct_batches as batch
full join enrolled_batches as enrolled on enrolled.batch_id = batch.batch_id
