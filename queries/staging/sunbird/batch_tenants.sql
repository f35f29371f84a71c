-- The tenants of Sunbird's batches, from course_batch and organisations.sql: what batches.sql and report_consents.sql
-- need.
--
-- One row: one batch whose tenant is known. It is the first organisation that the batch was created for (`createdfor`)
-- that is a tenant, else the tenant of the first one whose tenant is known.
with
    batch_owners as (
        select batchid as batch_id, text_list(createdfor) as organisation_ids
        from course_batch
    ),
    owners as (
        select batch_id, organisation_ids, unnest(organisation_ids) as organisation_id
        from batch_owners
    ),
    ranked as (
        select
            owners.batch_id,
            organisation.tenant_id,
            row_number() over (
                partition by owners.batch_id
                order by
                    organisation.is_tenant desc,
                    array_position(owners.organisation_ids, owners.organisation_id),
                    organisation.id
            ) as place
        from owners
        join organisations as organisation on organisation.id = owners.organisation_id
        where organisation.tenant_id is not null
    )
select batch_id, tenant_id
from ranked
where place = 1
