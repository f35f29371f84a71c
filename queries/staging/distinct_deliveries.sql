-- Reports that Pragati handed over, by its own telemetry events.
--
-- One row: one batch of a request whose report was mailed, or made ready for download, at delivered_at (UTC); a request for
-- several batches has a row for each. An event that was written more than once, since a service died in between, counts
-- once. by_subscription: a subscription sent it and nobody clicked for it; figures of clicks and deliveries leave it out.
-- Empty where no event files are configured.
-- View.
with
    deliveries as (
        select
            cdata_id(context['cdata'], 'request') as request_id,
            to_timestamp_micros(ets * 1000) as delivered_at,
            actor['id'] as user_id,
            object['id'] as course_id,
            cdata_id(context['cdata'], 'batch') as batch_id,
            context['channel'] as tenant_id,
            edata['id'] = 'report-sent-by-subscription' as by_subscription
        from raw.pragati_events
        where eid = 'AUDIT' and edata['id'] in ('report-delivered', 'report-sent-by-subscription')
    )
select
    request_id,
    arrow_cast(min(delivered_at), 'Timestamp(Microsecond, Some("UTC"))') as delivered_at,
    min(user_id) as user_id,
    min(course_id) as course_id,
    batch_id,
    min(tenant_id) as tenant_id,
    bool_or(by_subscription) as by_subscription
from deliveries
where request_id is not null
group by request_id, batch_id
