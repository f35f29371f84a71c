-- The batches that have a report, in the order in which a nightly run writes them.
--
-- One row: one batch.
select batch_id, course_id, tenant_id
from report_batches
order by batch_id
