-- What reports may show of each learner, where consent is required.
--
-- One row: one user in one batch, as the query report_consents of the site's mapping decides. Of several rows, none
-- may say no.
-- is_listed: whether a report has a row of them. shows_personal: whether it shows their names, mail address, phone
-- number and external id.
with
    decisions as (
        select
            cast(batch_id as varchar) as batch_id,
            cast(user_id as varchar) as user_id,
            coalesce(is_listed, false) as is_listed,
            coalesce(shows_personal, false) as shows_personal
        from raw.report_consents
    )
select
    batch_id,
    user_id,
    bool_and(is_listed) as is_listed,
    bool_and(shows_personal) as shows_personal
from decisions
where batch_id is not null and user_id is not null
group by batch_id, user_id
