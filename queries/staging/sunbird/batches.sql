-- Batches of Sunbird, from course_batch and organisation.
--
-- One row: one batch. Its tenant is the first organisation that it was created for (`createdfor`) that is a root
-- organisation, else the root organisation of the first one that is known; NULL where none is known.
with
    owners as (
        select batchid as batch_id, createdfor as organisation_ids, unnest(createdfor) as organisation_id
        from course_batch
    ),
    known_owners as (
        select
            owners.batch_id,
            array_position(owners.organisation_ids, owners.organisation_id) as position,
            coalesce(lower(trim(cast(organisation.isrootorg as varchar))) = 'true', false) as is_root,
            organisation.id,
            organisation.rootorgid as root_id
        from owners
        join organisation on organisation.id = owners.organisation_id
    ),
    tenants as (
        select
            batch_id,
            case when is_root then id else root_id end as tenant_id,
            row_number() over (partition by batch_id order by is_root desc, position, id, root_id) as place
        from known_owners
        where is_root or trim(root_id) <> ''
    )
select
    batch.batchid as batch_id,
    batch.courseid as course_id,
    batch.name as batch_name,
    tenants.tenant_id,
    batch.createdby as created_by,
    batch.mentors,
    try_cast(left(cast(batch.startdate as varchar), 10) as date) as start_date,
    try_cast(left(cast(batch.enddate as varchar), 10) as date) as end_date
from course_batch as batch
left join tenants on tenants.batch_id = batch.batchid and tenants.place = 1
