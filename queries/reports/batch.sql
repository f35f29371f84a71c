-- One batch that has a report; no row where the snapshot does not know it. Parameter: $batch_id.
select batch_id, course_id, batch_name, tenant_id
from report_batches
where batch_id = $batch_id
