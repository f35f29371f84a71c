-- Organisations of Sunbird, from organisation: what users.sql and batches.sql need of them.
--
-- One row: one organisation. Of several rows of an id, one is chosen, always the same.
-- is_tenant: istenant (since 3.8), else isrootorg. tenant_id: a tenant's own id; of others the root organisation; since 3.8,
-- when rootorgid is an organisation's own id, the tenant of the same channel, in any case.
-- is_school: whether organisationtype is 2 (since 3.8); NULL for all organisations of an export in which none has a type.
with
    readable as (
        select
            id,
            orgname as name,
            text_list(locationids) as location_ids,
            nullif(trim(channel), '') as channel,
            nullif(trim(rootorgid), '') as root_id,
            coalesce(
                nullif(lower(trim(cast(istenant as varchar))), ''),
                lower(trim(cast(isrootorg as varchar))),
                'false'
            ) = 'true' as is_tenant,
            try_cast(organisationtype as double) as type
        from organisation
    ),
    types as (
        select count(type) > 0 as are_known
        from readable
    ),
    tenants_of_channels as (
        select lower(channel) as channel, min(id) as tenant_id
        from readable
        where is_tenant and channel is not null
        group by lower(channel)
    ),
    ranked as (
        select
            *,
            row_number() over (
                partition by id
                order by name, array_to_string(location_ids, ','), is_tenant desc, channel, root_id, type
            ) as place
        from readable
    ),
    -- Chosen before the joins, so that the engine ranks only rows of repeated ids.
    chosen as (
        select id, name, location_ids, channel, is_tenant, root_id, type
        from ranked
        where place = 1
    )
select
    organisation.id,
    organisation.name,
    organisation.location_ids,
    organisation.channel,
    organisation.is_tenant,
    case when types.are_known then coalesce(organisation.type = 2, false) end as is_school,
    case
        when organisation.is_tenant then organisation.id
        when organisation.root_id <> organisation.id then organisation.root_id
        else tenant.tenant_id
    end as tenant_id
from chosen as organisation
cross join types
left join tenants_of_channels as tenant on tenant.channel = lower(organisation.channel)
