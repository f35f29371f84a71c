-- Download events without duplicates.
--
-- One row: one click on "Download File", known by its `mid`. Rows without a mid are left out.
-- A mid that arrived more than once counts once, at its earliest event_time; then the least by the other columns, missing
-- values first.
-- Only rows whose key may be repeated are ranked here: see src/engine/repeated_rows.
-- View.
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
                    user_id asc nulls first,
                    course_id asc nulls first,
                    batch_id asc nulls first,
                    tenant_id asc nulls first,
                    source asc nulls first
            ) as place
        from download_events
        where mid is not null
    )
select mid, event_time, user_id, course_id, batch_id, tenant_id, source
from ranked
where place = 1
