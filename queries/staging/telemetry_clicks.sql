-- Clicks on "Download File" in telemetry events (Sunbird telemetry v3): the platform's, and those that Pragati wrote.
--
-- One row: one event of the click, in the columns of `download_events`, and the day it arrived on. The batch is the `cdata`
-- of type `Batch` in any case, the least where there are several; an event without one counts for its course alone. The course
-- is the event's object; where that is empty, as the portals of 3.3 to 8.1 leave it, the `cdata` of type `Course`.
-- Parameters, the site's rule for its platform's events, each a list, or NULL for any: $click_events (eid), $click_ids
-- (edata.id), $click_types (edata.type), $click_pages (edata.pageid).
with
    clicks as (
        select arrival_date, mid, ets, actor, context, object
        from telemetry_events
        where
            ($click_events is null or array_has($click_events, eid))
            and ($click_ids is null or array_has($click_ids, edata['id']))
            and ($click_types is null or array_has($click_types, edata['type']))
            and ($click_pages is null or array_has($click_pages, edata['pageid']))
        union all
        select arrival_date, mid, ets, actor, context, object
        from pragati_events
        where eid = 'INTERACT' and edata['id'] = 'download-progress-report'
    )
select
    mid,
    arrow_cast(to_timestamp_millis(ets), 'Timestamp(Microsecond, Some("UTC"))') as event_time,
    actor['id'] as user_id,
    coalesce(nonblank(object['id']), cdata_id(context['cdata'], 'course')) as course_id,
    cdata_id(context['cdata'], 'batch') as batch_id,
    context['channel'] as tenant_id,
    context['pdata']['id'] as source,
    arrival_date
from clicks
