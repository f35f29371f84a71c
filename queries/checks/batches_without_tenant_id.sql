-- should: every batch names its tenant; reports of others lie under _ and count for no tenant's ratio
select concat('batch ', batch_id) as example
from batches
where tenant_id is null and batch_id is not null
