-- Reports that subscriptions sent of each batch on each local day, which are no downloads: the ratio is without them.
--
-- One row: one batch and one day with a sending, up to the snapshot's day. A sending belongs to the course and tenant of its
-- batch, and to those that it names itself where the snapshot does not know the batch.
-- sent_by_subscription: mails that were handed over, each to one recipient.
-- Parameters: $as_of, the snapshot's date; $timezone, whose calendar gives the days.
-- View.
with
    sendings as (
        select
            delivery.batch_id,
            case when batch.batch_id is null then delivery.course_id else batch.course_id end as course_id,
            case when batch.batch_id is null then delivery.tenant_id else batch.tenant_id end as tenant_id,
            local_date(delivery.delivered_at, $timezone) as day
        from distinct_batches as batch
        right join distinct_deliveries as delivery on delivery.batch_id = batch.batch_id
        where delivery.by_subscription
    )
select batch_id, course_id, tenant_id, day, count(*) as sent_by_subscription
from sendings
where day <= $as_of
group by batch_id, course_id, tenant_id, day
