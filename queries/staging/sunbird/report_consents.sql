-- What reports may show of each learner where consent is required (the setting `consent`), as Sunbird's exhausts have
-- it for a requester of the batch's organisation: from user_enrolments, "user", user_consent, course_batch,
-- batch_tenants.sql, content_hierarchy and system_settings.
--
-- One row: one row of user_enrolments, a user in a batch. The batch's organisation is its tenant.
-- shows_personal: whether names, mail, phone and external id are shown. The course asks for consent (`userConsent` is
-- Yes in its hierarchy), the user's row of user_consent for the course and the batch's organisation is active, and
-- that organisation is not the custodian, which nobody can consent to. This holds for users of the organisation too. A
-- batch whose organisation is not known shows nothing personal.
-- is_listed: whether there is a row at all. Where the course belongs to the batch's organisation (`channel` of the
-- hierarchy), everybody is listed; where it does not, or that is not known, only users whose root organisation is the
-- batch's. In a batch whose organisation is not known, everybody is listed.
-- Of several rows of user_consent, the latest counts; at the same time, one that is not active. Rows with a blank id
-- do not count. A consent ends after the local day of its expiry.
-- Parameters: $as_of, the snapshot's day; $timezone, whose calendar gives the day of an expiry.
with
    custodian as (
        select max(value) as organisation_id
        from system_settings
        where id = 'custodianOrgId'
    ),
    -- Rows of drafts (identifier ends in .img) do not count.
    courses as (
        select
            identifier as course_id,
            max(json_get_str(hierarchy, 'channel')) as organisation_id,
            min(case when lower(trim(json_get_str(hierarchy, 'userConsent'))) = 'yes' then 1 else 0 end) = 1
                as asks_for_consent
        from content_hierarchy
        where identifier not like '%.img'
        group by identifier
    ),
    people as (
        select userid as user_id, max(rootorgid) as organisation_id
        from "user"
        group by userid
    ),
    batch_facts as (
        select batch.batchid as batch_id, max(batch.courseid) as course_id, max(tenant.tenant_id) as organisation_id
        from course_batch as batch
        left join batch_tenants as tenant on tenant.batch_id = batch.batchid
        group by batch.batchid
    ),
    consent_rows as (
        select
            user_id,
            object_id as course_id,
            consumer_id as organisation_id,
            coalesce(lower(trim(status)) = 'active', false) as is_given,
            nonblank(cast(expiry as varchar)) is not null as has_expiry,
            local_date(utc_time(expiry), $timezone) as last_day,
            utc_time(last_updated_on) as updated_at
        from user_consent
        where trim(user_id) <> '' and trim(object_id) <> '' and trim(consumer_id) <> ''
    ),
    -- An expiry that cannot be read has passed.
    dated_consents as (
        select
            user_id,
            course_id,
            organisation_id,
            updated_at,
            is_given and (not has_expiry or coalesce(last_day >= $as_of, false)) as is_active
        from consent_rows
    ),
    ranked_consents as (
        select
            *,
            row_number() over (
                partition by user_id, course_id, organisation_id
                order by updated_at desc nulls last, is_active
            ) as place
        from dated_consents
    ),
    active_consents as (
        select user_id, course_id, organisation_id
        from ranked_consents
        where place = 1 and is_active
    )
select
    enrolment.batchid as batch_id,
    enrolment.userid as user_id,
    batch.organisation_id is null
    or coalesce(course.organisation_id = batch.organisation_id, false)
    or coalesce(person.organisation_id = batch.organisation_id, false) as is_listed,
    consent.user_id is not null
    and coalesce(course.asks_for_consent, false)
    and batch.organisation_id is distinct from custodian.organisation_id as shows_personal
from user_enrolments as enrolment
cross join custodian
left join batch_facts as batch on batch.batch_id = enrolment.batchid
left join courses as course on course.course_id = batch.course_id
left join people as person on person.user_id = enrolment.userid
left join active_consents as consent
    on consent.user_id = enrolment.userid
    and consent.course_id = batch.course_id
    and consent.organisation_id = batch.organisation_id
