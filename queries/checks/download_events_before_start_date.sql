-- should: nobody downloads the report of a batch before the batch starts
select concat('event ', event.mid, ' of batch ', event.batch_id) as example
from distinct_download_events as event
join distinct_batches as batch on batch.batch_id = event.batch_id
where local_date(event.event_time, $timezone) < batch.start_date
