-- Active enrolments with all that the report shows of them.
--
-- One row: one active enrolment, joined with its progress, its user and its batch; what is not known is NULL.
-- The same rows are assembled, sorted, without running this query where that is faster: see src/details.
-- View.
with
    active_enrolments as (
        select batch_id, user_id, enrolled_at
        from distinct_enrolments
        where active
    ),
    enrolment_progress as (
        select
            enrolment.batch_id,
            enrolment.user_id,
            enrolment.enrolled_at,
            progress.user_id is not null as has_progress,
            progress.progress_percent,
            progress.completed_at
        from active_enrolments as enrolment
        left join distinct_course_progress as progress
            on progress.batch_id = enrolment.batch_id and progress.user_id = enrolment.user_id
    )
select
    enrolment.batch_id,
    batch.course_id,
    batch.tenant_id,
    enrolment.user_id,
    enrolment.enrolled_at,
    enrolment.has_progress,
    enrolment.progress_percent,
    enrolment.completed_at,
    person.user_id is not null as known_user,
    person.external_id,
    person.first_name,
    person.last_name,
    person.email,
    person.mobile,
    person.organization_name,
    person.district_name,
    person.school_name,
    person.block_name,
    person.tenant_id as user_tenant_id
from enrolment_progress as enrolment
left join distinct_users as person on person.user_id = enrolment.user_id
left join report_batches as batch on batch.batch_id = enrolment.batch_id
