-- Whether an id is that of a course, of a tenant, or of both.
--
-- One row: one level, 'course' or 'tenant', whose batches or clicks have the id. Parameter: $id.
with
    known as (
        select course_id, tenant_id from distinct_batches
        union all
        select course_id, tenant_id from download_events
        union all
        select course_id, tenant_id from distinct_deliveries where not by_subscription
    )
select distinct 'course' as level from known where course_id = $id
union all
select distinct 'tenant' as level from known where tenant_id = $id
