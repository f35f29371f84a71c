-- Which batches and events make the download ratio of one course or tenant.
--
-- One row: one part of it, said by `part`, and one batch where the part has batches:
-- 'batch': a batch of the course or tenant, also one without downloads. 'unknown batch': clicks for a batch that the
-- snapshot does not know, and that name the course or tenant themselves. 'no batch': such clicks without a batch.
-- The sums of batches, downloads, requests and delivered over these rows are those of the row in download_ratio, and
-- batches with downloads are its batches_downloaded. The other parts are events that are not counted, in not_counted:
-- 'other days': outside the days that are asked for. 'after the snapshot': later than its day. 'without a time'.
-- 'duplicate': further rows of a mid. 'without a mid'.
-- first_click and last_click are UTC.
-- Parameters: $level, 'course' or 'tenant'; $id, NULL for clicks and batches of none; $since and $until, the first and last
-- day, where NULL means no first day and the snapshot's day; $as_of, $timezone, $counts_deliveries.
with
    -- Everything that may belong to the course or tenant: distinct clicks, deliveries, and clicks without a mid.
    events as (
        select 'click' as kind, mid, event_time as happened_at, batch_id, course_id, tenant_id, is_request
        from download_requests
        union all
        select 'delivery', null, delivered_at, batch_id, course_id, tenant_id, null
        from distinct_deliveries
        where not by_subscription
        union all
        select 'without a mid', null, event_time, batch_id, course_id, tenant_id, null
        from download_events
        where mid is null
    ),
    -- Those of the course or tenant: that of the batch, or the own one where the snapshot does not know the batch.
    own_events as (
        select
            event.kind,
            event.mid,
            event.happened_at,
            event.batch_id,
            event.is_request,
            batch.batch_id is not null as is_known,
            local_date(event.happened_at, $timezone) as day
        from distinct_batches as batch
        right join events as event on event.batch_id = batch.batch_id
        where
            case
                when $level = 'course' and batch.batch_id is null then event.course_id
                when $level = 'course' then batch.course_id
                when batch.batch_id is null then event.tenant_id
                else batch.tenant_id
            end is not distinct from $id
    ),
    clicks as (
        select mid, happened_at as event_time, batch_id, is_request, is_known, day
        from own_events
        where kind = 'click'
    ),
    clicks_by_part as (
        select
            *,
            case
                when event_time is null then 'without a time'
                when day > $as_of then 'after the snapshot'
                when day < $since or day > $until then 'other days'
                when is_known then 'batch'
                when batch_id is null then 'no batch'
                else 'unknown batch'
            end as part
        from clicks
    ),
    clicks_of_batches as (
        select
            part,
            case when part in ('batch', 'unknown batch') then batch_id end as batch_id,
            part in ('batch', 'unknown batch', 'no batch') as is_counted,
            is_request,
            event_time
        from clicks_by_part
    ),
    deliveries as (
        select
            batch_id,
            case when is_known then 'batch' when batch_id is null then 'no batch' else 'unknown batch' end as part,
            day
        from own_events
        where kind = 'delivery'
    ),
    duplicates as (
        select count(*) - count(distinct event.mid) as events
        from clicks
        join download_events as event on event.mid = clicks.mid
    ),
    without_mid as (
        select count(*) as events
        from own_events
        where kind = 'without a mid'
    ),
    facts as (
        select
            'batch' as part,
            batch_id,
            batch_name,
            1 as batches,
            0 as downloads,
            0 as requests,
            0 as delivered,
            0 as not_counted,
            arrow_cast(null, 'Timestamp(Microsecond, Some("UTC"))') as clicked_at
        from distinct_batches
        where case when $level = 'course' then course_id else tenant_id end is not distinct from $id
        union all
        select
            part,
            batch_id,
            null,
            0,
            case when is_counted then 1 else 0 end,
            case when is_counted and is_request then 1 else 0 end,
            0,
            case when is_counted then 0 else 1 end,
            event_time
        from clicks_of_batches
        union all
        select part, batch_id, null, 0, 0, 0, 1, 0, null
        from deliveries
        where day <= $as_of and ($since is null or day >= $since) and ($until is null or day <= $until)
        union all
        select 'duplicate', null, null, 0, 0, 0, 0, events, null
        from duplicates
        where events > 0
        union all
        select 'without a mid', null, null, 0, 0, 0, 0, events, null
        from without_mid
        where events > 0
    )
select
    part,
    batch_id,
    max(batch_name) as batch_name,
    sum(batches) as batches,
    sum(downloads) as downloads,
    sum(requests) as requests,
    case when $counts_deliveries then sum(delivered) end as delivered,
    sum(not_counted) as not_counted,
    min(clicked_at) as first_click,
    max(clicked_at) as last_click
from facts
group by part, batch_id
order by
    case part
        when 'batch' then 1
        when 'unknown batch' then 2
        when 'no batch' then 3
        when 'other days' then 4
        when 'after the snapshot' then 5
        when 'without a time' then 6
        when 'duplicate' then 7
        else 8
    end,
    batch_id
