-- Clicks on "Download File" in telemetry events (Sunbird telemetry v3).
--
-- One row: one event of the click, in the columns of `download_events`. The batch is the `cdata` of type `Batch` (older
-- producers write `batch`), the least where there are several; an event without one counts for its course alone.
with
    clicks as (
        select
            mid,
            to_timestamp_millis(ets) as event_time,
            actor['id'] as user_id,
            object['id'] as course_id,
            context['cdata'] as data,
            context['channel'] as tenant_id,
            context['pdata']['id'] as source
        from pragati_events
        where
            eid = 'INTERACT'
            and edata['id'] = 'download-progress-report'
            and edata['type'] = 'click'
            and edata['pageid'] = 'course-progress-dashboard'
    ),
    click_data as (
        select mid, unnest(data) as datum
        from clicks
    ),
    click_batches as (
        select mid, min(datum['id']) as batch_id
        from click_data
        where lower(datum['type']) = 'batch'
        group by mid
    )
select
    clicks.mid,
    clicks.event_time,
    clicks.user_id,
    clicks.course_id,
    click_batches.batch_id,
    clicks.tenant_id,
    clicks.source
from clicks
left join click_batches on click_batches.mid = clicks.mid
