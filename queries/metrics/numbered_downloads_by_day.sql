-- Downloads of each batch on each local day: what every download ratio is a sum of.
--
-- One row: one batch and one day with a click, delivery or sending, up to the snapshot's day. Clicks and deliveries belong to their
-- batch, said by its number in numbered_batches; course_id and tenant_id are NULL, as the batch has them. Those of no batch
-- that the snapshot knows belong to the course and tenant that they name themselves: then batch_number is NULL, and a row is
-- one such course, tenant and day.
-- downloads: distinct clicks. requests: the same without double clicks. delivered: reports that were handed over, but for
-- sent_by_subscription: those that subscriptions sent, which nobody clicked for.
-- Clicks without a time are in no row. (Joins name the smaller side first: it is the one that is held in memory.)
-- Parameters: $as_of, the snapshot's date; $timezone, whose calendar gives the days.
-- View.
with
    clicks_and_deliveries as (
        select
            batch_id,
            course_id,
            tenant_id,
            event_time as happened_at,
            1 as downloads,
            case when is_request then 1 else 0 end as requests,
            0 as delivered,
            0 as sent_by_subscription
        from download_requests
        union all
        select
            batch_id,
            course_id,
            tenant_id,
            delivered_at,
            0,
            0,
            case when by_subscription then 0 else 1 end,
            case when by_subscription then 1 else 0 end
        from distinct_deliveries
    ),
    by_place as (
        select
            batch.batch_number,
            case when batch.batch_number is null then happening.course_id end as course_id,
            case when batch.batch_number is null then happening.tenant_id end as tenant_id,
            local_date(happening.happened_at, $timezone) as day,
            happening.downloads,
            happening.requests,
            happening.delivered,
            happening.sent_by_subscription
        from numbered_batches as batch
        right join clicks_and_deliveries as happening on happening.batch_id = batch.batch_id
    )
select
    batch_number,
    course_id,
    tenant_id,
    day,
    sum(downloads) as downloads,
    sum(requests) as requests,
    sum(delivered) as delivered,
    sum(sent_by_subscription) as sent_by_subscription
from by_place
where day <= $as_of
group by batch_number, course_id, tenant_id, day
