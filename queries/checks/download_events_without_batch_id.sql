-- should: a download event names its batch; others count for their course and tenant alone
select concat('event ', mid) as example
from distinct_download_events
where batch_id is null
