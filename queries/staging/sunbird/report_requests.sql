-- Requests for a progress exhaust of Sunbird, from job_request: clicks that no event tells of.
--
-- One row: one request, in the columns of `download_events`. The portals of 3.3 to 8.1 put a click on "progress report" into
-- the table job_request of PostgreSQL, whatever becomes of it, and most send an event too. A request whose user has a click on
-- the same batch within ten minutes is that click and is left out here, so that nothing counts twice. source is 'job_request'.
-- The batch is batchId of request_data, a JSON text, else the first of batchFilter, else what stands after the course in the
-- tag (COURSE_BATCH:CHANNEL). A request that is made again keeps its row, with the time of the last.
with
    readable as (
        select
            request_id,
            requested_by,
            requested_channel,
            utc_time(dt_job_submitted) as requested_at,
            cast(request_data as varchar) as request_data,
            split_part(tag, ':', 1) as collection
        from job_request
        where lower(job_id) in ('progress-exhaust', 'progress-exhaust-v2')
    ),
    requests as (
        select
            concat('job_request:', request_id) as mid,
            requested_at as event_time,
            requested_by as user_id,
            nonblank(regexp_match(collection, '^(do_[^_]+)_')[1]) as course_id,
            coalesce(
                nonblank(json_get_str(request_data, 'batchId')),
                nonblank(json_get_str(request_data, 'batchFilter', 0)),
                nonblank(regexp_match(collection, '^do_[^_]+_(.+)$')[1])
            ) as batch_id,
            requested_channel as tenant_id,
            'job_request' as source
        from readable
    ),
    clicks as (
        select user_id, batch_id, event_time
        from telemetry_clicks
        union all
        select user_id, batch_id, event_time
        from exported_download_events
    )
select request.mid, request.event_time, request.user_id, request.course_id, request.batch_id, request.tenant_id, request.source
from requests as request
left anti join clicks as click
    on click.user_id = request.user_id
    and click.batch_id = request.batch_id
    and click.event_time >= request.event_time - interval '10 minutes'
    and click.event_time <= request.event_time + interval '10 minutes'
