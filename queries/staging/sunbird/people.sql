-- Who is in Sunbird's table "user", with system_settings: what users.sql and memberships.sql need of it.
--
-- One row: one row of "user". is_custodian: whether the root organisation is the custodian, in which people sign up by
-- themselves.
-- names_places: whether the profile, a JSON text, names any place; district_id, block_id: its first place of each type.
with
    custodian as (
        select max(value) as organisation_id
        from system_settings
        where id = 'custodianOrgId'
    )
select
    person.userid as user_id,
    person.firstname as first_name,
    person.lastname as last_name,
    person.maskedemail as email,
    person.maskedphone as mobile,
    nullif(trim(person.channel), '') as channel,
    person.rootorgid as root_organisation_id,
    text_list(person.locationids) as location_ids,
    coalesce(json_contains(person.profilelocation, 0), false) as names_places,
    json_find_str(person.profilelocation, 'type', 'district', 'id') as district_id,
    json_find_str(person.profilelocation, 'type', 'block', 'id') as block_id,
    coalesce(try_cast(person.status as double) = 2, false) as is_deleted,
    coalesce(person.rootorgid = custodian.organisation_id, false) as is_custodian
from "user" as person
cross join custodian
