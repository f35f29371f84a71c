-- The `batches` table of exports that have none.
--
-- One row: one batch that has an enrolment, with its course. Tenant, name, people and dates are unknown.
select
    batch_id,
    min(course_id) as course_id,
    cast(null as varchar) as batch_name,
    cast(null as varchar) as tenant_id,
    cast(null as varchar) as created_by,
    cast(null as varchar[]) as mentors,
    cast(null as date) as start_date,
    cast(null as date) as end_date
from enrolments
where batch_id is not null and user_id is not null
group by batch_id
