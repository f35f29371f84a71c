-- Download ratio of each tenant, that of the batch. One row: one tenant (NULL where unknown) and window of time.
-- View.
select
    tenant_id, time_window, downloads, batches, download_ratio, batches_downloaded, coverage, requests, delivered,
    window_start, window_end, as_of, sent_by_subscription
from download_ratio
where level = 'tenant'
