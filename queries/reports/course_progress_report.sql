-- Course Progress Report of every batch.
--
-- One row: one active enrolment, with the twelve columns of the report, typed. The CSV writer adds headers and the `%`.
-- Parameters: $timezone, whose calendar gives the dates; $same_tenant, true to show External ID, School Name and Block
-- Name only to the user's own tenant; $unknown_users, 'keep' or 'omit' enrolments of users that are not in the export.
-- Further columns: batch_id, course_id, tenant_id of the batch; known_user, whether the user is in the export.
with
    active_enrolments as (
        select batch_id, user_id, course_id, enrolled_at
        from distinct_enrolments
        where active
    ),
    enrolment_progress as (
        select
            enrolment.batch_id,
            enrolment.user_id,
            enrolment.course_id,
            enrolment.enrolled_at,
            progress.user_id is not null as has_progress,
            progress.progress_percent,
            progress.completed_at
        from active_enrolments as enrolment
        left join distinct_course_progress as progress
            on progress.batch_id = enrolment.batch_id and progress.user_id = enrolment.user_id
    ),
    enrolment_details as (
        select
            enrolment.*,
            batch.course_id as batch_course_id,
            batch.tenant_id as batch_tenant_id,
            person.user_id is not null as known_user,
            not $same_tenant or person.tenant_id = batch.tenant_id as shows_tenant_details,
            person.external_id,
            person.first_name,
            person.last_name,
            person.email,
            person.mobile,
            person.organization_name,
            person.district_name,
            person.school_name,
            person.block_name
        from enrolment_progress as enrolment
        left join distinct_users as person on person.user_id = enrolment.user_id
        left join distinct_batches as batch on batch.batch_id = enrolment.batch_id
    )
select
    batch_id,
    coalesce(batch_course_id, course_id) as course_id,
    batch_tenant_id as tenant_id,
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
from enrolment_details
where $unknown_users = 'keep' or known_user
