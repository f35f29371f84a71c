-- Download events without duplicates.
--
-- One row: one click on "Download File", known by its `mid`. Rows without a mid are left out.
-- A mid that arrived more than once counts once, at its earliest event_time.
with
    ranked as (
        select
            mid,
            event_time,
            user_id,
            course_id,
            batch_id,
            tenant_id,
            source,
            row_number() over (
                partition by mid
                order by
                    event_time asc nulls last,
                    user_id asc nulls last,
                    course_id asc nulls last,
                    batch_id asc nulls last,
                    tenant_id asc nulls last,
                    source asc nulls last
            ) as place
        from download_events
        where mid is not null
    )
select mid, event_time, user_id, course_id, batch_id, tenant_id, source
from ranked
where place = 1
