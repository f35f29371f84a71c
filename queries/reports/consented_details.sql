-- The view enrolment_details where consent is required: the rows that reports may list, and of users without consent
-- nothing personal.
--
-- One row: one active enrolment, a row of enrolment_details.sql. Names, mail address, phone number and external id are
-- NULL where distinct_consents does not show them, also where it has no row of the user in the batch.
with
    decided as (
        select
            detail.*,
            coalesce(consent.shows_personal, false) as shows_personal
        from enrolment_details as detail
        left join distinct_consents as consent
            on consent.batch_id = detail.batch_id and consent.user_id = detail.user_id
        where coalesce(consent.is_listed, true)
    )
select
    batch_id,
    course_id,
    tenant_id,
    user_id,
    enrolled_at,
    has_progress,
    progress_percent,
    completed_at,
    known_user,
    case when shows_personal then external_id end as external_id,
    case when shows_personal then first_name end as first_name,
    case when shows_personal then last_name end as last_name,
    case when shows_personal then email end as email,
    case when shows_personal then mobile end as mobile,
    organization_name,
    district_name,
    school_name,
    block_name,
    user_tenant_id
from decided
