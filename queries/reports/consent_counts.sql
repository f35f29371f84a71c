-- How much consent keeps out of reports, where it is required: of one batch, or of all.
--
-- One row. hidden_details: rows of reports without personal details, since the user, whom the export knows, does not
-- consent. left_out: active enrolments that are not listed, since neither the user nor the course is of the batch's
-- organisation.
-- Parameter: $batch_id, the batch, or NULL for all.
with
    active_enrolments as (
        select batch_id, user_id
        from distinct_enrolments
        where active and ($batch_id is null or batch_id = $batch_id)
    ),
    decided as (
        select
            person.user_id is not null as known_user,
            coalesce(consent.is_listed, true) as is_listed,
            coalesce(consent.shows_personal, false) as shows_personal
        from active_enrolments as enrolment
        left join distinct_consents as consent
            on consent.batch_id = enrolment.batch_id and consent.user_id = enrolment.user_id
        left join distinct_users as person on person.user_id = enrolment.user_id
    )
select
    count(*) filter (where is_listed and known_user and not shows_personal) as hidden_details,
    count(*) filter (where not is_listed) as left_out
from decided
