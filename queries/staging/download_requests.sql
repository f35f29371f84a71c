-- Download events, each with whether it is a request of its own: double clicks are one request.
--
-- One row: one click on "Download File", a row of distinct_download_events. is_request is false where the same person
-- clicked for the same batch within the 60 seconds before, so a chain of such clicks is one request, counted with its first
-- click. A click without a user, a batch or a time is always a request of its own.
-- Only rows that may be repeated, or have neighbours in time, are compared here: see src/engine/repeated_rows and
-- src/catalog/double_clicks.rs, which reads the interval below.
-- View.
with
    in_order as (
        select
            *,
            lag(event_time) over (partition by user_id, batch_id order by event_time asc nulls last, mid) as click_before
        from distinct_download_events
    )
select
    mid,
    event_time,
    user_id,
    course_id,
    batch_id,
    tenant_id,
    source,
    user_id is null
    or batch_id is null
    or event_time is null
    or click_before is null
    or click_before < event_time - interval '60 seconds' as is_request
from in_order
