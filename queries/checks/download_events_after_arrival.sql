-- should: a download event is not of a later day than it arrived on; a clock that is ahead makes it count late, or not at all
with
    -- Of exported events it is only known that they arrived by the snapshot's day.
    events as (
        select mid, event_time, arrival_date
        from raw.telemetry_clicks
        union all
        select mid, event_time, $as_of as arrival_date
        from raw.exported_download_events
    )
-- Whether folders are named by the day in UTC or in the site's zone is not known either.
select concat('event ', coalesce(mid, 'unknown'), ' of ', event_time, ' arrived by ', arrival_date) as example
from events
where
    cast(event_time as date) > arrival_date
    and local_date(event_time, $timezone) > arrival_date
