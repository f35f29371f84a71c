-- Batches of Sunbird, from course_batch and organisations.sql.
--
-- One row: one batch. Its tenant is the first organisation that it was created for (`createdfor`) that is a tenant, else the
-- tenant of the first one whose tenant is known; NULL where none is.
-- start_date, end_date: the local day of the timestamps start_date and end_date (since 3.9), else the day that the texts
-- startdate and enddate name.
-- Parameter: $timezone, whose calendar gives the days.
with
    batch_owners as (
        select batchid as batch_id, text_list(createdfor) as organisation_ids
        from course_batch
    ),
    owners as (
        select batch_id, organisation_ids, unnest(organisation_ids) as organisation_id
        from batch_owners
    ),
    tenants as (
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
select
    batch.batchid as batch_id,
    batch.courseid as course_id,
    batch.name as batch_name,
    tenants.tenant_id,
    batch.createdby as created_by,
    text_list(batch.mentors) as mentors,
    coalesce(
        local_date(utc_time(batch.start_date), $timezone),
        try_cast(left(cast(batch.startdate as varchar), 10) as date)
    ) as start_date,
    coalesce(
        local_date(utc_time(batch.end_date), $timezone),
        try_cast(left(cast(batch.enddate as varchar), 10) as date)
    ) as end_date
from course_batch as batch
left join tenants on tenants.batch_id = batch.batchid and tenants.place = 1
