-- should: the snapshot is not older than yesterday
select concat('the snapshot is of ', $as_of) as example
where $as_of < cast(local_date(now(), $timezone) - interval '1 day' as date)
