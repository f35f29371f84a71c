-- Download ratio of each course. One row: one course (NULL where a batch or click names none) and window of time.
-- View.
select
    course_id, time_window, downloads, batches, download_ratio, batches_downloaded, coverage, requests, delivered,
    window_start, window_end, as_of, sent_by_subscription
from download_ratio
where level = 'course'
