-- Download ratio: downloads / batches, for all courses, each course, each tenant and each course within a tenant, over
-- four windows of time.
--
-- One row: one level ('all', 'course', 'tenant', 'tenant_course'), one course, tenant or both of it, and one window
-- ('all', '1d', '7d', '30d').
-- downloads: distinct clicks on "Download File" within the window. batches: batches that exist in the snapshot, also
-- those that nobody enrolled in or downloaded. batches_downloaded: batches with at least one download in the window;
-- coverage is their share. A ratio over no batches is NULL. A click belongs to the course and tenant of its batch, and
-- to those that it names itself where the snapshot does not know the batch.
-- A click without a time lies in no window. A batch that only enrolments name is no batch here, though it has a report.
-- requests: downloads without double clicks. delivered: reports handed over in the window, without those that subscriptions
-- sent, which are sent_by_subscription, one for each mail and batch. Both are NULL where no files of Pragati's own events are
-- configured, which tell of them. No sending is in any other figure.
-- Parameters: $as_of, the snapshot's date, the last day of each window; $counts_deliveries, whether there are such files;
-- $since and $until, the days of one more window, 'custom', which is there where $until is not NULL; without $since it
-- has no first day.
-- View.
with
    time_windows as (
        select
            column1 as time_window,
            case when column1 = 'custom' then $since else cast($as_of - column2 as date) end as window_start,
            case when column1 = 'custom' then $until else $as_of end as window_end
        from (
            values
                ('all', null),
                ('1d', interval '0 days'),
                ('7d', interval '6 days'),
                ('30d', interval '29 days'),
                ('custom', null)
        )
        where column1 <> 'custom' or $until is not null
    ),
    downloads_by_window as (
        select
            downloads.batch_number,
            downloads.course_id,
            downloads.tenant_id,
            time_windows.time_window,
            sum(downloads.downloads) as downloads,
            sum(downloads.requests) as requests,
            sum(downloads.delivered) as delivered,
            sum(downloads.sent_by_subscription) as sent_by_subscription
        from time_windows
        cross join numbered_downloads_by_day as downloads
        where (time_windows.window_start is null or downloads.day >= time_windows.window_start)
            and downloads.day <= time_windows.window_end
        group by downloads.batch_number, downloads.course_id, downloads.tenant_id, time_windows.time_window
    ),
    -- Each step is used once: a step that is used twice would be computed twice.
    facts as (
        select
            time_windows.time_window,
            distinct_batches.course_id,
            distinct_batches.tenant_id,
            1 as batches,
            0 as downloads,
            0 as requests,
            0 as delivered,
            0 as sent_by_subscription,
            0 as batches_downloaded,
            true as is_fact
        from time_windows
        cross join distinct_batches
        union all
        select
            downloads.time_window,
            case when downloads.batch_number is null then downloads.course_id else batch.course_id end,
            case when downloads.batch_number is null then downloads.tenant_id else batch.tenant_id end,
            0,
            downloads.downloads,
            downloads.requests,
            downloads.delivered,
            downloads.sent_by_subscription,
            case when downloads.batch_number is null or downloads.downloads = 0 then 0 else 1 end,
            true
        from numbered_batches as batch
        right join downloads_by_window as downloads on downloads.batch_number = batch.batch_number
        union all
        -- So that every window has a row for all courses, whatever there is in it.
        select time_window, null, null, 0, 0, 0, 0, 0, 0, false
        from time_windows
    ),
    sums as (
        select
            time_window,
            case
                when grouping(course_id) = 0 and grouping(tenant_id) = 0 then 'tenant_course'
                when grouping(course_id) = 0 then 'course'
                when grouping(tenant_id) = 0 then 'tenant'
                else 'all'
            end as level,
            course_id,
            tenant_id,
            sum(downloads) as downloads,
            sum(batches) as batches,
            sum(batches_downloaded) as batches_downloaded,
            sum(requests) as requests,
            sum(delivered) as delivered,
            sum(sent_by_subscription) as sent_by_subscription,
            bool_or(is_fact) as is_fact
        from facts
        group by grouping sets (
            (time_window),
            (time_window, course_id),
            (time_window, tenant_id),
            (time_window, course_id, tenant_id)
        )
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
    sums.requests,
    case when $counts_deliveries then sums.delivered end as delivered,
    time_windows.window_start,
    time_windows.window_end,
    $as_of as as_of,
    case when $counts_deliveries then sums.sent_by_subscription end as sent_by_subscription
from time_windows
join sums on sums.time_window = time_windows.time_window
where sums.is_fact or sums.level = 'all'
