-- should: a download event names a batch of the snapshot; others count for their own course and tenant, and for no batch
select concat('event ', event.mid) as example
from distinct_download_events as event
left anti join batches on batches.batch_id = event.batch_id
