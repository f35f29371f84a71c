-- Downloads of each batch on each local day, by ids: numbered_downloads_by_day as it is read by people.
--
-- One row: one batch and one day with a click, delivery or sending, up to the snapshot's day. Clicks and deliveries belong to the
-- course and tenant of their batch; those of no batch that the snapshot knows, to the course and tenant that they name
-- themselves: then batch_id is NULL, and a row is one such course, tenant and day.
-- downloads: distinct clicks. requests: the same without double clicks. delivered: reports that were handed over, but for
-- sent_by_subscription: those that subscriptions sent, which nobody clicked for.
-- Clicks without a time are in no row.
-- View.
select
    batch.batch_id,
    case when downloads.batch_number is null then downloads.course_id else batch.course_id end as course_id,
    case when downloads.batch_number is null then downloads.tenant_id else batch.tenant_id end as tenant_id,
    downloads.day,
    downloads.downloads,
    downloads.requests,
    downloads.delivered,
    downloads.sent_by_subscription
from numbered_batches as batch
right join numbered_downloads_by_day as downloads on downloads.batch_number = batch.batch_number
