-- Users of Open edX, from auth_user, auth_userprofile and social_auth_usersocialauth of the LMS's database.
--
-- One row: one account, also one that was never activated. A user needs no profile.
-- first_name: the full name of the profile, which the platform keeps in one field; last_name is then blank. Without one, the
-- first and last name of the account.
-- external_id: who the user is to their organisation's SAML provider, without the provider's slug; of several links, the newest.
-- email: blank where the account was retired, since the platform then puts a made-up address under retired.invalid.
-- Organisation, district, school and block do not exist there, and nobody belongs to a tenant: all are blank.
with
    saml_links as (
        select
            user_id,
            regexp_replace(uid, '^[^:]*:', '') as external_id,
            row_number() over (partition by user_id order by cast(id as bigint) desc, uid) as place
        from social_auth_usersocialauth
        where provider = 'tpa-saml'
    ),
    profiles as (
        select user_id, nullif(trim(name), '') as full_name, phone_number
        from auth_userprofile
    )
select
    cast(account.id as varchar) as user_id,
    saml_links.external_id,
    coalesce(profiles.full_name, account.first_name) as first_name,
    case when profiles.full_name is null then account.last_name end as last_name,
    case when lower(account.email) not like '%@retired.invalid' then account.email end as email,
    profiles.phone_number as mobile,
    cast(null as varchar) as organization_name,
    cast(null as varchar) as district_name,
    cast(null as varchar) as school_name,
    cast(null as varchar) as block_name,
    cast(null as varchar) as tenant_id
from auth_user as account
left join profiles on profiles.user_id = account.id
left join saml_links on saml_links.user_id = account.id and saml_links.place = 1
