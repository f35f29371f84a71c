-- Download ratio over time: by day, week or month.
--
-- One row: one level ('all', 'course', 'tenant', 'tenant_course'), one course, tenant or both of it, and one period; the
-- columns are those of download_ratio. time_window: 'day', 'week' (from Monday) or 'month'. window_start, window_end: the
-- first and last day of the period, as far as it lies within the days that are asked for and not after the snapshot's.
-- Level 'all' has a row for every period, the other levels for those with a download, delivery or sending.
-- batches: those of the snapshot, the same in every period. Periods add up: downloads, requests, delivered and
-- sent_by_subscription of the days of a week are those of the week; batches_downloaded do not, as a batch may be downloaded
-- on several days.
-- Parameters: $as_of, the snapshot's date; $timezone; $counts_deliveries; $since and $until, the first and last day, where
-- NULL stands for the day of the first click, delivery or sending since 2000 (first_download_day) and for the snapshot's; $period,
-- one of the three, or '*'.
-- View.
with
    first_and_last as (
        select
            coalesce($since, (select first_day from first_download_day)) as first_day,
            least($until, $as_of) as last_day
    ),
    periods as (
        select column1 as time_window, column2 as length
        from (values ('day', interval '1 day'), ('week', interval '7 days'), ('month', interval '1 month'))
        where $period = '*' or column1 = $period
    ),
    days as (
        select unnest(generate_series(first_day, last_day, interval '1 day')) as day
        from first_and_last
    ),
    calendar as (
        select
            periods.time_window,
            days.day,
            -- A timestamp without a zone, so that no session's zone counts.
            cast(date_trunc(periods.time_window, cast(days.day as timestamp)) as date) as period_start
        from periods
        cross join days
    ),
    downloads_by_period as (
        select
            downloads.batch_number,
            downloads.course_id,
            downloads.tenant_id,
            calendar.time_window,
            calendar.period_start,
            sum(downloads.downloads) as downloads,
            sum(downloads.requests) as requests,
            sum(downloads.delivered) as delivered,
            sum(downloads.sent_by_subscription) as sent_by_subscription
        from calendar
        join numbered_downloads_by_day as downloads on downloads.day = calendar.day
        group by
            downloads.batch_number,
            downloads.course_id,
            downloads.tenant_id,
            calendar.time_window,
            calendar.period_start
    ),
    facts as (
        select
            downloads.time_window,
            downloads.period_start,
            case when downloads.batch_number is null then downloads.course_id else batch.course_id end as course_id,
            case when downloads.batch_number is null then downloads.tenant_id else batch.tenant_id end as tenant_id,
            downloads.downloads,
            downloads.requests,
            downloads.delivered,
            downloads.sent_by_subscription,
            case when downloads.batch_number is null or downloads.downloads = 0 then 0 else 1 end as batches_downloaded,
            true as is_fact
        from numbered_batches as batch
        right join downloads_by_period as downloads on downloads.batch_number = batch.batch_number
        union all
        -- So that every period has a row for all courses, whatever there is in it.
        select distinct time_window, period_start, null, null, 0, 0, 0, 0, 0, false
        from calendar
    ),
    sums as (
        select
            case
                when grouping(course_id) = 0 and grouping(tenant_id) = 0 then 'tenant_course'
                when grouping(course_id) = 0 then 'course'
                when grouping(tenant_id) = 0 then 'tenant'
                else 'all'
            end as level,
            course_id,
            tenant_id,
            time_window,
            period_start,
            sum(downloads) as downloads,
            sum(batches_downloaded) as batches_downloaded,
            sum(requests) as requests,
            sum(delivered) as delivered,
            sum(sent_by_subscription) as sent_by_subscription,
            bool_or(is_fact) as is_fact
        from facts
        group by grouping sets (
            (time_window, period_start),
            (time_window, period_start, course_id),
            (time_window, period_start, tenant_id),
            (time_window, period_start, course_id, tenant_id)
        )
    ),
    with_batches as (
        select
            sums.*,
            case when batches_by_level.batches is null then 0 else batches_by_level.batches end as batches
        from batches_by_level
        right join sums
            on (batches_by_level.level is not distinct from sums.level)
            and (batches_by_level.course_id is not distinct from sums.course_id)
            and (batches_by_level.tenant_id is not distinct from sums.tenant_id)
        where sums.is_fact or sums.level = 'all'
    )
select
    with_batches.level,
    with_batches.course_id,
    with_batches.tenant_id,
    with_batches.time_window,
    with_batches.downloads,
    with_batches.batches,
    case when with_batches.batches > 0 then cast(with_batches.downloads as double) / with_batches.batches end
        as download_ratio,
    with_batches.batches_downloaded,
    case when with_batches.batches > 0 then cast(with_batches.batches_downloaded as double) / with_batches.batches end
        as coverage,
    with_batches.requests,
    case when $counts_deliveries then with_batches.delivered end as delivered,
    greatest(with_batches.period_start, $since) as window_start,
    least(cast(with_batches.period_start + periods.length - interval '1 day' as date), $until, $as_of) as window_end,
    $as_of as as_of,
    case when $counts_deliveries then with_batches.sent_by_subscription end as sent_by_subscription
from periods
join with_batches on with_batches.time_window = periods.time_window
