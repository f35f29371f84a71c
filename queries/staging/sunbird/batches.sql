-- Batches of Sunbird, from course_batch and organisation.
--
-- One row: one batch. Its tenant is the organisation that it was created for (the first of `createdfor`): that
-- organisation itself where it is a root organisation, else its root organisation; NULL where it is not known.
with
    owned_batches as (
        select *, createdfor[1] as owner_id
        from course_batch
    )
select
    batch.batchid as batch_id,
    batch.courseid as course_id,
    batch.name as batch_name,
    case
        when lower(trim(cast(owner.isrootorg as varchar))) = 'true' then owner.id
        else owner.rootorgid
    end as tenant_id,
    batch.createdby as created_by,
    batch.mentors,
    try_cast(left(cast(batch.startdate as varchar), 10) as date) as start_date,
    try_cast(left(cast(batch.enddate as varchar), 10) as date) as end_date
from owned_batches as batch
left join organisation as owner on owner.id = batch.owner_id
