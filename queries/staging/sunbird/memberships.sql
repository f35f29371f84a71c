-- Memberships of Sunbird's users in organisations, from people.sql and user_organisation or user_org.
--
-- One row: one membership that did not end; of repeated rows, all.
-- user_organisation replaced user_org in 3.2, which may be left over. is_below_root: whether the organisation is another
-- than the user's root organisation.
with
    membership_table as (
        select count(*) > 0 as is_used
        from user_organisation
    ),
    all_memberships as (
        -- Exports write the flag as a boolean or as text.
        select userid, organisationid, cast(isdeleted as varchar) as isdeleted
        from user_organisation
        union all
        select former.userid, former.organisationid, cast(former.isdeleted as varchar) as isdeleted
        from user_org as former
        cross join membership_table
        where not membership_table.is_used
    )
select
    people.user_id,
    people.is_custodian,
    people.names_places,
    member.organisationid as organisation_id,
    (member.organisationid is distinct from people.root_organisation_id) as is_below_root
from people
join all_memberships as member on member.userid = people.user_id
where lower(trim(coalesce(member.isdeleted, ''))) <> 'true'
