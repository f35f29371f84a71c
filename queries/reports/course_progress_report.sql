-- Course Progress Report of every batch.
--
-- One row: one active enrolment, with the twelve columns of the report, typed. The CSV writer adds headers and the `%`.
-- Parameters: $timezone, whose calendar gives the dates; $same_tenant, true to show External ID, School Name and Block
-- Name only to the user's own tenant; $unknown_users, 'keep' or 'omit' enrolments of users that are not in the export.
-- Further columns: batch_id, course_id, tenant_id of the batch; known_user, whether the user is in the export.
-- View.
with
    visible_details as (
        select
            *,
            not $same_tenant or user_tenant_id = tenant_id as shows_tenant_details
        from enrolment_details
        where $unknown_users = 'keep' or known_user
    )
select
    batch_id,
    course_id,
    tenant_id,
    case when shows_tenant_details then external_id end as external_id,
    user_id,
    nullif(concat_ws(' ', strip(first_name), strip(last_name)), '') as user_name,
    email,
    mobile,
    organization_name,
    district_name,
    case when shows_tenant_details then school_name end as school_name,
    case when shows_tenant_details then block_name end as block_name,
    local_date(enrolled_at, $timezone) as enrollment_date,
    case
        when completed_at is not null then 100
        when not has_progress then 0
        when progress_percent < 0 then 0
        when progress_percent > 100 then 100
        else cast(floor(progress_percent) as integer)
    end as course_progress,
    local_date(completed_at, $timezone) as completion_date,
    known_user
from visible_details
