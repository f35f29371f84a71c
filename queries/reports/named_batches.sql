-- The batches that have a report, with what people call them.
--
-- One row: one batch; course_id and batch_name are NULL where the snapshot does not know them.
select batch_id, course_id, batch_name
from report_batches
