-- Batches of Sunbird, from course_batch and batch_tenants.sql.
--
-- One row: one batch; its tenant is NULL where batch_tenants.sql knows none.
-- start_date, end_date: the local day of the timestamps start_date and end_date (since 3.9), else the day that the
-- texts startdate and enddate name.
-- Parameter: $timezone, whose calendar gives the days.
select
    batch.batchid as batch_id,
    batch.courseid as course_id,
    batch.name as batch_name,
    tenant.tenant_id,
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
left join batch_tenants as tenant on tenant.batch_id = batch.batchid
