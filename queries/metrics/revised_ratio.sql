-- A ratio table of the nightly output: the rows that were computed now, compared with those of an earlier night.
--
-- One row: one level, course, tenant, time_window and window_end. Rows of `published_ratio` with a window_end before
-- $computed_since are carried over as they are. A row that was published before keeps its revision where the figures are the
-- same, and has the next one where they differ; a new row has revision 1. A row that was published and is not among the
-- computed ones has zeros now, so that whoever keeps a copy hears of it. Rows of outputs from before sent_by_subscription have
-- NULL there, which is no other figure than zero. metrics/ratio_report gives the rows their order.
-- Tables: `computed_ratio`, with the columns of download_ratio; `published_ratio`, with revision beside.
-- Parameters: $computed_since, a day; NULL where nothing is carried over. $as_of; $counts_deliveries.
with
    both_sides as (
        select
            level, course_id, tenant_id, time_window, window_start, window_end,
            true as is_computed, downloads, batches, batches_downloaded, requests, delivered,
            sent_by_subscription, cast(null as bigint) as revision, cast(null as date) as published_as_of,
            cast(null as bigint) as published_downloads, cast(null as bigint) as published_batches,
            cast(null as bigint) as published_batches_downloaded, cast(null as bigint) as published_requests,
            cast(null as bigint) as published_delivered, cast(null as bigint) as published_sent_by_subscription
        from computed_ratio
        union all
        select
            level, course_id, tenant_id, time_window, window_start, window_end,
            false, null as downloads, null as batches, null as batches_downloaded, null as requests, null as delivered,
            null as sent_by_subscription, revision, as_of as published_as_of,
            downloads as published_downloads, batches as published_batches,
            batches_downloaded as published_batches_downloaded, requests as published_requests,
            delivered as published_delivered, sent_by_subscription as published_sent_by_subscription
        from published_ratio
    ),
    matched as (
        select
            level,
            course_id,
            tenant_id,
            time_window,
            window_end,
            min(window_start) as window_start,
            bool_or(is_computed) as is_computed,
            max(downloads) as downloads,
            max(batches) as batches,
            max(batches_downloaded) as batches_downloaded,
            max(requests) as requests,
            max(delivered) as delivered,
            max(sent_by_subscription) as sent_by_subscription,
            max(revision) as revision,
            max(published_as_of) as published_as_of,
            max(published_downloads) as published_downloads,
            max(published_batches) as published_batches,
            max(published_batches_downloaded) as published_batches_downloaded,
            max(published_requests) as published_requests,
            max(published_delivered) as published_delivered,
            max(published_sent_by_subscription) as published_sent_by_subscription
        from both_sides
        group by level, course_id, tenant_id, time_window, window_end
    ),
    with_kind as (
        select
            matched.*,
            case
                when matched.is_computed then 'computed'
                when matched.window_end < $computed_since then 'carried'
                else 'gone'
            end as kind,
            case when batches_by_level.batches is null then 0 else batches_by_level.batches end as batches_now
        from batches_by_level
        right join matched
            on (batches_by_level.level is not distinct from matched.level)
            and (batches_by_level.course_id is not distinct from matched.course_id)
            and (batches_by_level.tenant_id is not distinct from matched.tenant_id)
    ),
    figures as (
        select
            level,
            course_id,
            tenant_id,
            time_window,
            case kind when 'computed' then downloads when 'carried' then published_downloads else 0 end as downloads,
            case kind when 'computed' then batches when 'carried' then published_batches else batches_now end as batches,
            case kind when 'computed' then batches_downloaded when 'carried' then published_batches_downloaded else 0 end
                as batches_downloaded,
            case kind when 'computed' then requests when 'carried' then published_requests else 0 end as requests,
            case
                when kind = 'computed' then delivered
                when kind = 'carried' then published_delivered
                when $counts_deliveries then 0
            end as delivered,
            case
                when kind = 'computed' then sent_by_subscription
                when kind = 'carried' then published_sent_by_subscription
                when $counts_deliveries then 0
            end as sent_by_subscription,
            window_start,
            window_end,
            case when kind = 'carried' then published_as_of else $as_of end as as_of,
            revision as published_revision,
            published_downloads,
            published_batches,
            published_batches_downloaded,
            published_requests,
            published_delivered,
            published_sent_by_subscription
        from with_kind
    )
select
    level,
    course_id,
    tenant_id,
    time_window,
    downloads,
    batches,
    case when batches > 0 then cast(downloads as double) / batches end as download_ratio,
    batches_downloaded,
    case when batches > 0 then cast(batches_downloaded as double) / batches end as coverage,
    requests,
    delivered,
    window_start,
    window_end,
    as_of,
    case
        when published_revision is null then 1
        when (downloads is distinct from published_downloads)
            or (batches is distinct from published_batches)
            or (batches_downloaded is distinct from published_batches_downloaded)
            or (requests is distinct from published_requests)
            or (delivered is distinct from published_delivered)
            or (coalesce(sent_by_subscription, 0) <> coalesce(published_sent_by_subscription, 0)) then published_revision + 1
        else published_revision
    end as revision,
    sent_by_subscription
from figures
