-- Users of Sunbird, from people.sql, memberships.sql, organisations.sql, location, usr_external_identity and
-- user_declarations.
--
-- One row: one user. A user of the custodian root organisation signed up by themselves and declares an id, a school and a
-- state; every other user belongs to a state, which knows them by an id of its own.
-- external_id: custodian, the declared id; state, the id of the user's root organisation or channel.
-- school_name: the schools that the user is a member of (several joined by commas), else the declared one; see $school_first.
-- organization_name: the root organisation. tenant_id: its id; custodian, the tenant of the state declared.
-- district_name, block_name: of the user's profile, else from the older columns.
-- Of deleted users (status 2) nothing that tells who they are is shown.
-- Duplicates in the other tables never make duplicate users: one row of each is chosen, always the same.
-- Names are joined by array functions: an ordered string_agg costs ten times as much here.
-- Parameter: $school_first, 'membership' or 'declared': which school counts where a user has both.
with
    -- Schools: organisations of type school for all users; before there were types, what a state's users work in.
    school_names as (
        select distinct memberships.user_id, organisation.name
        from memberships
        join organisations as organisation on organisation.id = memberships.organisation_id
        where
            coalesce(organisation.is_school, not memberships.is_custodian and memberships.is_below_root)
            and trim(organisation.name) <> ''
    ),
    schools as (
        select user_id, array_to_string(array_sort(array_agg(name)), ',') as school_name
        from school_names
        group by user_id
    ),
    -- Declarations: a table since 3.2.
    declarations as (
        select
            userid as user_id,
            orgid as organisation_id,
            persona,
            map_extract(text_map(userinfo), 'declared-ext-id')[1] as external_id,
            map_extract(text_map(userinfo), 'declared-school-name')[1] as school_name,
            coalesce(utc_time(updatedon), utc_time(createdon)) as declared_at
        from user_declarations
    ),
    ranked_declarations as (
        select
            *,
            row_number() over (
                partition by user_id
                order by
                    case when trim(external_id) <> '' then 1 else 2 end,
                    declared_at desc nulls last,
                    organisation_id,
                    persona,
                    external_id,
                    school_name
            ) as place
        from declarations
    ),
    -- Chosen before the join, so that the engine ranks only declarations of users who have several.
    chosen_declarations as (
        select user_id, organisation_id, external_id, school_name
        from ranked_declarations
        where place = 1
    ),
    known_declarations as (
        select declaration.user_id, declaration.external_id, declaration.school_name, organisation.tenant_id
        from chosen_declarations as declaration
        left join organisations as organisation on organisation.id = declaration.organisation_id
    ),
    -- Declarations before 3.2: rows of usr_external_identity, whose provider is the channel of the state.
    former_ids as (
        select
            identity.userid as user_id,
            coalesce(nullif(trim(identity.originalexternalid), ''), identity.externalid) as external_id,
            coalesce(nullif(trim(identity.originalprovider), ''), identity.provider) as provider,
            organisation.id as tenant_id,
            row_number() over (
                partition by identity.userid
                order by
                    case when trim(identity.externalid) <> '' then 1 else 2 end,
                    identity.originalprovider,
                    organisation.id,
                    identity.externalid
            ) as place
        from usr_external_identity as identity
        join organisations as organisation
            on lower(organisation.channel) = lower(coalesce(nullif(trim(identity.originalprovider), ''), identity.provider))
        where identity.idtype = 'declared-ext-id' and organisation.is_tenant
    ),
    former_schools as (
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
        left join former_ids as declared on declared.user_id = identity.userid and declared.place = 1
        where identity.idtype = 'declared-school-name' and trim(identity.externalid) <> ''
    ),
    described as (
        select
            people.*,
            case when declaration.user_id is not null then declaration.external_id else former_id.external_id end
                as declared_id,
            case
                when declaration.user_id is not null then nullif(trim(declaration.school_name), '')
                when people.is_custodian then former_school.school_name
            end as declared_school_name,
            case when declaration.user_id is not null then declaration.tenant_id else former_id.tenant_id end
                as declared_tenant_id
        from people
        left join known_declarations as declaration on declaration.user_id = people.user_id
        left join former_ids as former_id on former_id.user_id = people.user_id and former_id.place = 1
        left join former_schools as former_school
            on former_school.user_id = people.user_id and former_school.place = 1
    ),
    -- Ids that a state gave: provider and type are the id of the root organisation since 3.2, and its channel before, in small
    -- letters, as externalid is: originalexternalid is what the state gave. A row whose provider has capital letters is older
    -- than that, and its externalid is what counts.
    given_ids as (
        select
            people.user_id,
            identity.provider = people.root_organisation_id as is_by_organisation,
            case
                when identity.provider <> people.root_organisation_id and identity.provider <> lower(identity.provider)
                    then identity.externalid
                else coalesce(nullif(trim(identity.originalexternalid), ''), identity.externalid)
            end as external_id
        from people
        join usr_external_identity as identity on identity.userid = people.user_id
        where
            not people.is_custodian
            and lower(identity.idtype) = lower(identity.provider)
            and (
                identity.provider = people.root_organisation_id
                or lower(identity.provider) = lower(people.channel)
            )
            and trim(identity.externalid) <> ''
    ),
    state_ids as (
        select
            user_id,
            coalesce(
                min(external_id) filter (where is_by_organisation),
                min(external_id)
            ) as external_id
        from given_ids
        group by user_id
    ),
    -- Places before profiles had them (3.8): a custodian user's own locations; of a state's users, those of their organisations.
    -- A profile that names any place replaces them.
    sub_organisations as (
        select memberships.user_id, organisation.location_ids
        from memberships
        join organisations as organisation on organisation.id = memberships.organisation_id
        where not memberships.is_custodian and memberships.is_below_root and not memberships.names_places
    ),
    location_ids as (
        select user_id, unnest(location_ids) as location_id
        from people
        where is_custodian and not names_places
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
    former_places as (
        select
            user_id,
            array_to_string(array_sort(array_agg(name) filter (where type = 'district')), ',') as district_name,
            array_to_string(array_sort(array_agg(name) filter (where type = 'block')), ',') as block_name
        from locations
        group by user_id
    ),
    names_of_locations as (
        select id, max(name) as name
        from location
        group by id
    ),
    -- Nothing tells the engine how many rows groups have, and it keeps the left side of a join in memory then: the groups,
    -- which are narrow, and not the users.
    with_former_places as (
        select people.*, former.district_name as former_district_name, former.block_name as former_block_name
        from former_places as former
        right join described as people on people.user_id = former.user_id
    ),
    with_state_ids as (
        select people.*, state_ids.external_id as state_id
        from state_ids
        right join with_former_places as people on people.user_id = state_ids.user_id
    ),
    with_schools as (
        select people.*, schools.school_name
        from schools
        right join with_state_ids as people on people.user_id = schools.user_id
    )
select
    people.user_id,
    case
        when people.is_deleted then null
        when people.is_custodian then people.declared_id
        else people.state_id
    end as external_id,
    case when not people.is_deleted then people.first_name end as first_name,
    case when not people.is_deleted then people.last_name end as last_name,
    case when not people.is_deleted then people.email end as email,
    case when not people.is_deleted then people.mobile end as mobile,
    organisation.name as organization_name,
    case when people.names_places then district.name else people.former_district_name end as district_name,
    case
        when $school_first = 'declared' then coalesce(people.declared_school_name, people.school_name)
        else coalesce(people.school_name, people.declared_school_name)
    end as school_name,
    case when people.names_places then block.name else people.former_block_name end as block_name,
    case when people.is_custodian then people.declared_tenant_id else people.root_organisation_id end as tenant_id
from with_schools as people
left join organisations as organisation on organisation.id = people.root_organisation_id
left join names_of_locations as district on district.id = people.district_id
left join names_of_locations as block on block.id = people.block_id
