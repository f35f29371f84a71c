-- Download ratio: downloads / batches, for all courses, each course and each tenant, over four windows of time.
--
-- One row: one level ('all', 'course', 'tenant'), one course or tenant of it, and one window ('all', '1d', '7d', '30d').
-- downloads: distinct clicks on "Download File" within the window. batches: batches that exist in the snapshot, also
-- those that nobody enrolled in or downloaded. batches_downloaded: batches with at least one download in the window;
-- coverage is their share. A ratio over no batches is NULL. A click belongs to the course and tenant of its batch, and
-- to those that it names itself where the snapshot does not know the batch.
-- A click without a time lies in no window. A batch that only enrolments name is no batch here, though it has a report.
-- delivered: reports handed over; NULL, as exports do not tell.
-- Parameters: $as_of, the snapshot's date, the last day of each window; $timezone, whose calendar gives the days.
with
    time_windows as (
        select
            column1 as time_window,
            cast($as_of - column2 as date) as window_start,
            $as_of as window_end
        from (
            values
                ('all', null),
                ('1d', interval '0 days'),
                ('7d', interval '6 days'),
                ('30d', interval '29 days')
        )
    ),
    downloads as (
        select
            batch.batch_id,
            case when batch.batch_id is null then event.course_id else batch.course_id end as course_id,
            case when batch.batch_id is null then event.tenant_id else batch.tenant_id end as tenant_id,
            local_date(event.event_time, $timezone) as day
        from distinct_download_events as event
        left join distinct_batches as batch on batch.batch_id = event.batch_id
    ),
    downloads_by_day as (
        select batch_id, course_id, tenant_id, day, count(*) as downloads
        from downloads
        where day <= $as_of
        group by batch_id, course_id, tenant_id, day
    ),
    downloads_by_window as (
        select
            downloads.batch_id,
            downloads.course_id,
            downloads.tenant_id,
            time_windows.time_window,
            sum(downloads.downloads) as downloads
        from downloads_by_day as downloads
        cross join time_windows
        where time_windows.window_start is null or downloads.day >= time_windows.window_start
        group by downloads.batch_id, downloads.course_id, downloads.tenant_id, time_windows.time_window
    ),
    batches_by_window as (
        select distinct_batches.batch_id, distinct_batches.course_id, distinct_batches.tenant_id, time_windows.time_window
        from distinct_batches
        cross join time_windows
    ),
    -- Each step is used once: a step that is used twice would be computed twice.
    facts as (
        select time_window, course_id, tenant_id, 1 as batches, 0 as downloads, 0 as batches_downloaded, true as is_fact
        from batches_by_window
        union all
        select
            time_window,
            course_id,
            tenant_id,
            0,
            downloads,
            case when batch_id is null then 0 else 1 end,
            true
        from downloads_by_window
        union all
        -- So that every window has a row for all courses, whatever there is in it.
        select time_window, null, null, 0, 0, 0, false
        from time_windows
    ),
    sums as (
        select
            time_window,
            case when grouping(course_id) = 0 then 'course' when grouping(tenant_id) = 0 then 'tenant' else 'all' end as level,
            course_id,
            tenant_id,
            sum(downloads) as downloads,
            sum(batches) as batches,
            sum(batches_downloaded) as batches_downloaded,
            bool_or(is_fact) as is_fact
        from facts
        group by grouping sets ((time_window), (time_window, course_id), (time_window, tenant_id))
    )
select
    sums.level,
    sums.course_id,
    sums.tenant_id,
    sums.time_window,
    sums.downloads,
    sums.batches,
    case when sums.batches > 0 then cast(sums.downloads as double) / sums.batches end as download_ratio,
    sums.batches_downloaded,
    case when sums.batches > 0 then cast(sums.batches_downloaded as double) / sums.batches end as coverage,
    cast(null as bigint) as delivered,
    time_windows.window_start,
    time_windows.window_end,
    $as_of as as_of
from sums
join time_windows on time_windows.time_window = sums.time_window
where sums.is_fact or sums.level = 'all'
