-- Batches, each with a number: what is counted batch by batch is grouped by one number instead of three texts.
--
-- One row: one batch of distinct_batches. batch_number: its place among all batches in the order of their ids.
-- View.
select
    batch_id,
    course_id,
    tenant_id,
    row_number() over (order by batch_id) as batch_number
from distinct_batches
