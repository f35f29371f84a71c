-- should: the batch that a download event names is in the snapshot; others count for their own course and tenant, and for no batch
select concat('event ', event.mid) as example
from distinct_download_events as event
left anti join batches on batches.batch_id = event.batch_id
where event.batch_id is not null
