-- What tables over time leave out where no first day is asked for: clicks, deliveries and sendings of days before $earliest_day.
--
-- One row. happenings: how many, each click once; first_day: the earliest day of them, NULL where there are none.
-- Parameters: $earliest_day; those of numbered_downloads_by_day.
select
    coalesce(sum(downloads), 0) + coalesce(sum(delivered), 0) + coalesce(sum(sent_by_subscription), 0) as happenings,
    min(day) as first_day
from numbered_downloads_by_day
where day < $earliest_day
