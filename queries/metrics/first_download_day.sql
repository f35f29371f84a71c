-- The local day of the first click or delivery; the snapshot's where there is none before.
--
-- One row. Parameters: $as_of, the snapshot's date; $timezone.
select
    least(
        (select local_date(min(event_time), $timezone) from download_events where mid is not null),
        (select local_date(min(delivered_at), $timezone) from distinct_deliveries),
        $as_of
    ) as first_day
