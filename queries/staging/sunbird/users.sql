-- Users of Sunbird, from "user", user_org, organisation, location, usr_external_identity and system_settings.
--
-- One row: one user. A user of the custodian root organisation declares an id, a school and a state organisation; every
-- other user belongs to a state, which knows them by an id of its own and by the sub-organisations that they work in.
-- external_id: custodian, the declared id whose provider is a root organisation's channel; state, the id of the user's channel.
-- school_name: custodian, the declared school; state, the sub-organisations (several joined by commas).
-- organization_name: the root organisation. tenant_id: its id; custodian, the id of the root organisation declared.
-- district_name, block_name: custodian, from the user's own locations; state, from those of the sub-organisations.
-- Duplicates in the other tables never make duplicate users: one row of each is chosen, always the same.
-- Names are joined by array functions: an ordered string_agg costs ten times as much here.
with
    custodian as (
        select max(value) as organisation_id
        from system_settings
        where id = 'custodianOrgId'
    ),
    people as (
        select
            person.userid as user_id,
            person.firstname as first_name,
            person.lastname as last_name,
            person.maskedemail as email,
            person.maskedphone as mobile,
            person.channel,
            person.rootorgid as root_organisation_id,
            person.locationids as location_ids,
            coalesce(person.rootorgid = custodian.organisation_id, false) as is_custodian
        from "user" as person
        cross join custodian
    ),
    ranked_organisations as (
        select
            id,
            orgname as name,
            locationids as location_ids,
            row_number() over (
                partition by id
                order by orgname, array_to_string(locationids, ',')
            ) as place
        from organisation
    ),
    organisations as (
        select id, name, location_ids
        from ranked_organisations
        where place = 1
    ),
    root_organisations as (
        select id, channel
        from organisation
        where lower(trim(cast(isrootorg as varchar))) = 'true' and trim(channel) <> ''
    ),
    declared_ids as (
        select
            identity.userid as user_id,
            identity.externalid as external_id,
            identity.originalprovider as provider,
            root.id as tenant_id,
            row_number() over (
                partition by identity.userid
                order by
                    case when trim(identity.externalid) <> '' then 1 else 2 end,
                    identity.originalprovider,
                    root.id,
                    identity.externalid
            ) as place
        from usr_external_identity as identity
        join root_organisations as root on root.channel = identity.originalprovider
        where identity.idtype = 'declared-ext-id'
    ),
    declared_schools as (
        select
            identity.userid as user_id,
            identity.externalid as school_name,
            row_number() over (
                partition by identity.userid
                order by
                    case when identity.originalprovider = declared.provider then 1 else 2 end,
                    identity.originalprovider,
                    identity.externalid
            ) as place
        from usr_external_identity as identity
        left join declared_ids as declared on declared.user_id = identity.userid and declared.place = 1
        where identity.idtype = 'declared-school-name' and trim(identity.externalid) <> ''
    ),
    state_ids as (
        select people.user_id, min(identity.externalid) as external_id
        from people
        join usr_external_identity as identity
            on identity.userid = people.user_id
            and identity.idtype = people.channel
            and identity.provider = people.channel
        where not people.is_custodian and trim(people.channel) <> '' and trim(identity.externalid) <> ''
        group by people.user_id
    ),
    memberships as (
        select distinct people.user_id, member.organisationid as organisation_id
        from people
        join user_org as member on member.userid = people.user_id
        where
            not people.is_custodian
            and (member.organisationid is distinct from people.root_organisation_id)
            and lower(trim(coalesce(cast(member.isdeleted as varchar), ''))) <> 'true'
    ),
    sub_organisations as (
        select memberships.user_id, organisations.name, organisations.location_ids
        from memberships
        join organisations on organisations.id = memberships.organisation_id
    ),
    school_names as (
        select distinct user_id, name
        from sub_organisations
        where trim(name) <> ''
    ),
    state_schools as (
        select user_id, array_to_string(array_sort(array_agg(name)), ',') as school_name
        from school_names
        group by user_id
    ),
    location_ids as (
        select user_id, unnest(location_ids) as location_id
        from people
        where is_custodian
        union all
        select user_id, unnest(location_ids) as location_id
        from sub_organisations
    ),
    locations as (
        select distinct location_ids.user_id, location.type, location.name
        from location_ids
        join location on location.id = location_ids.location_id
        where trim(location.name) <> ''
    ),
    places as (
        select
            user_id,
            array_to_string(array_sort(array_agg(name) filter (where type = 'district')), ',') as district_name,
            array_to_string(array_sort(array_agg(name) filter (where type = 'block')), ',') as block_name
        from locations
        group by user_id
    )
select
    people.user_id,
    case when people.is_custodian then declared_ids.external_id else state_ids.external_id end as external_id,
    people.first_name,
    people.last_name,
    people.email,
    people.mobile,
    organisations.name as organization_name,
    places.district_name,
    case when people.is_custodian then declared_schools.school_name else state_schools.school_name end as school_name,
    places.block_name,
    case when people.is_custodian then declared_ids.tenant_id else people.root_organisation_id end as tenant_id
from people
left join organisations on organisations.id = people.root_organisation_id
left join declared_ids on declared_ids.user_id = people.user_id and declared_ids.place = 1
left join declared_schools on declared_schools.user_id = people.user_id and declared_schools.place = 1
left join state_ids on state_ids.user_id = people.user_id
left join state_schools on state_schools.user_id = people.user_id
left join places on places.user_id = people.user_id
