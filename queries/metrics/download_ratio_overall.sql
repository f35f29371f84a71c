-- Download ratio over all courses. One row: one window of time.
-- View.
select
    time_window, downloads, batches, download_ratio, batches_downloaded, coverage, requests, delivered,
    window_start, window_end, as_of, sent_by_subscription
from download_ratio
where level = 'all'
