-- How many batches the snapshot has: the denominator of every download ratio.
--
-- One row: one level ('all', 'course', 'tenant', 'tenant_course') and one course, tenant or both of it.
-- batches counts those that exist, also those that nobody enrolled in or downloaded. A batch that only enrolments name is
-- no batch here, though it has a report.
-- View.
select
    case
        when grouping(course_id) = 0 and grouping(tenant_id) = 0 then 'tenant_course'
        when grouping(course_id) = 0 then 'course'
        when grouping(tenant_id) = 0 then 'tenant'
        else 'all'
    end as level,
    course_id,
    tenant_id,
    count(*) as batches
from distinct_batches
group by grouping sets ((), (course_id), (tenant_id), (course_id, tenant_id))
