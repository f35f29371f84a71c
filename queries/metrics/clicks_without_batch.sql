-- Clicks that name no batch, with the batch that they were likely meant for. Nothing is counted by that guess.
--
-- One row: one distinct click without a batch, as the portals up to 3.2 send them; it counts for its course and tenant alone.
-- likely_batch_id: the batch of that course that the person created or is a mentor of, where it is exactly one; else NULL.
with
    clicks as (
        select mid, event_time, user_id, course_id, tenant_id, source
        from distinct_download_events
        where batch_id is null
    ),
    people_of_batches as (
        select course_id, batch_id, created_by as user_id
        from distinct_batches
        union all
        select course_id, batch_id, unnest(mentors) as user_id
        from distinct_batches
    ),
    only_batches as (
        select user_id, course_id, min(batch_id) as batch_id
        from people_of_batches
        where user_id is not null
        group by user_id, course_id
        having count(distinct batch_id) = 1
    )
select
    clicks.mid,
    clicks.event_time,
    clicks.user_id,
    clicks.course_id,
    clicks.tenant_id,
    clicks.source,
    only_batches.batch_id as likely_batch_id
from clicks
left join only_batches on only_batches.user_id = clicks.user_id and only_batches.course_id = clicks.course_id
order by clicks.event_time, clicks.mid
