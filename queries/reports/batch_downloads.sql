-- How often each batch's report was downloaded, for those who follow up the ones that nobody wanted.
--
-- One row: one batch of the snapshot, ordered by start (newest first, unknown ones last) and id. downloads: distinct clicks on
-- "Download File" up to the snapshot's day; last_download: the local day of the latest one, NULL where there is none.
-- Parameters: $as_of, the snapshot's date; $timezone, whose calendar gives the days.
with
    downloads as (
        select batch_id, local_date(event_time, $timezone) as day
        from distinct_download_events
        where batch_id is not null
    ),
    downloads_by_batch as (
        select batch_id, count(*) as downloads, max(day) as last_download
        from downloads
        where day <= $as_of
        group by batch_id
    )
select
    batch.batch_id,
    batch.batch_name,
    batch.course_id,
    batch.tenant_id,
    batch.start_date,
    batch.end_date,
    coalesce(downloads_by_batch.downloads, 0) as downloads,
    downloads_by_batch.last_download,
    $as_of as as_of
from distinct_batches as batch
left join downloads_by_batch on downloads_by_batch.batch_id = batch.batch_id
order by batch.start_date desc nulls last, batch.batch_id
