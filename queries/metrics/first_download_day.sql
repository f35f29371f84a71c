-- The local day of the first click, delivery or sending, of those since $earliest_day; the snapshot's where there is none before.
--
-- One row. Tables over time begin with it where no first day is asked for, so one click at an impossible time makes no
-- centuries of rows. Parameters: $earliest_day; $as_of, the snapshot's date; $timezone.
-- View.
select
    least(
        (
            select local_date(min(event_time), $timezone)
            from download_events
            where mid is not null and local_date(event_time, $timezone) >= $earliest_day
        ),
        (
            select local_date(min(delivered_at), $timezone)
            from distinct_deliveries
            where local_date(delivered_at, $timezone) >= $earliest_day
        ),
        $as_of
    ) as first_day
