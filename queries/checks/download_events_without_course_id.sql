-- should: a download event is of a known batch, or names its course; others count for no course
select concat('event ', event.mid) as example
from distinct_download_events as event
left anti join batches on batches.batch_id = event.batch_id
where event.course_id is null
