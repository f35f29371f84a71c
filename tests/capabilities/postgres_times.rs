//! Times in SQL: zones, dates, intervals and patterns give PostgreSQL's answers, from the endpoint and from the shell
//! alike.

use std::collections::BTreeMap;

use crate::running_endpoint::EndpointSetup;
use crate::support::{TestExports, pragati};

const ALL: &str = "all_tenants = true\npersonal = true";

/// A session's zone, an expression, and its text in PostgreSQL 15.
const ANSWERS: &[(&str, &str, &str)] = &[
    (
        "Asia/Kolkata",
        "timestamptz '2026-03-14 19:00+00'",
        "2026-03-15 00:30:00+05:30",
    ),
    (
        "Asia/Kolkata",
        "timestamptz '2026-03-14 23:45'",
        "2026-03-14 23:45:00+05:30",
    ),
    (
        "Asia/Kolkata",
        "timestamptz '2026-03-14 19:00:00.125Z'::date",
        "2026-03-15",
    ),
    (
        "Asia/Kolkata",
        "timestamptz '2026-03-14 19:00+00'::timestamp",
        "2026-03-15 00:30:00",
    ),
    (
        "Asia/Kolkata",
        "date '2026-03-15'::timestamptz",
        "2026-03-15 00:00:00+05:30",
    ),
    (
        "Asia/Kolkata",
        "timestamp '2026-03-15 00:10'::timestamptz at time zone 'UTC'",
        "2026-03-14 18:40:00",
    ),
    (
        "Asia/Kolkata",
        "timestamptz '2026-03-14 19:00+00' at time zone 'Europe/Paris'",
        "2026-03-14 20:00:00",
    ),
    (
        "Asia/Kolkata",
        "timestamp '2026-03-14 19:00' at time zone 'Asia/Kathmandu'",
        "2026-03-14 18:45:00+05:30",
    ),
    (
        "Asia/Kolkata",
        "date_trunc('day', timestamptz '2026-03-14 19:00+00')",
        "2026-03-15 00:00:00+05:30",
    ),
    (
        "Asia/Kolkata",
        "date_trunc('week', timestamptz '2026-03-15 19:00+00')",
        "2026-03-16 00:00:00+05:30",
    ),
    (
        "Asia/Kolkata",
        "date_trunc('hour', timestamptz '2026-03-14 19:10+00')",
        "2026-03-15 00:00:00+05:30",
    ),
    (
        "Asia/Kolkata",
        "date_trunc('month', timestamptz '2026-03-31 19:00+00', 'UTC')",
        "2026-03-01 05:30:00+05:30",
    ),
    (
        "Asia/Kolkata",
        "date_trunc('quarter', date '2026-05-20')",
        "2026-04-01 00:00:00+05:30",
    ),
    (
        "Asia/Kolkata",
        "extract(hour from timestamptz '2026-03-14 19:00+00')",
        "0",
    ),
    (
        "Asia/Kolkata",
        "extract(dow from timestamptz '2026-03-14 19:00+00')",
        "0",
    ),
    (
        "Asia/Kolkata",
        "extract(timezone from timestamptz '2026-03-14 19:00+00')",
        "19800",
    ),
    (
        "Asia/Kolkata",
        "extract(epoch from timestamptz '2026-03-15 00:30:00.25')",
        "1773514800.250000",
    ),
    (
        "Asia/Kolkata",
        "extract(epoch from timestamp '2026-03-15 00:30:00.25')",
        "1773534600.250000",
    ),
    (
        "Asia/Kolkata",
        "to_char(timestamptz '2026-03-14 19:00+00', 'YYYY-MM-DD HH24:MI TZ OF')",
        "2026-03-15 00:30 IST +05:30",
    ),
    ("Asia/Kolkata", "to_timestamp(86400)", "1970-01-02 05:30:00+05:30"),
    (
        "Asia/Kolkata",
        "to_timestamp(1773513000.5)",
        "2026-03-15 00:00:00.5+05:30",
    ),
    (
        "Asia/Kolkata",
        "to_timestamp('14.03.2026 19:05', 'DD.MM.YYYY HH24:MI')",
        "2026-03-14 19:05:00+05:30",
    ),
    (
        "Asia/Kolkata",
        "to_timestamp('2026-03-14 19:05 +02', 'YYYY-MM-DD HH24:MI TZH')",
        "2026-03-14 22:35:00+05:30",
    ),
    (
        "Asia/Kolkata",
        "timestamptz '2026-03-14 18:30+00' >= date '2026-03-15'",
        "true",
    ),
    (
        "Asia/Kolkata",
        "timestamptz '2026-03-14 18:29:59+00' >= date '2026-03-15'",
        "false",
    ),
    (
        "Asia/Kolkata",
        "timestamptz '2026-03-14 18:30+00' = timestamp '2026-03-15 00:00'",
        "true",
    ),
    (
        "Asia/Kolkata",
        "timestamptz '2026-03-14 18:30+00' = '2026-03-15'",
        "true",
    ),
    (
        "Asia/Kolkata",
        "timestamptz '2026-03-14 19:00+00' between '2026-03-15' and '2026-03-16'",
        "true",
    ),
    (
        "Asia/Kolkata",
        "timezone('UTC', timestamptz '2026-03-14 19:00+00')",
        "2026-03-14 19:00:00",
    ),
    (
        "Asia/Kolkata",
        "timezone(interval '2 hours', timestamp '2026-03-14 19:00')",
        "2026-03-14 22:30:00+05:30",
    ),
    (
        "Asia/Kolkata",
        "current_date = (now() at time zone 'Asia/Kolkata')::date",
        "true",
    ),
    ("Asia/Kolkata", "localtimestamp = now()::timestamp", "true"),
    ("Asia/Kolkata", "now()::text like '%+05:30'", "true"),
    (
        "Asia/Kolkata",
        "age(timestamptz '2026-03-14 19:00+00', timestamptz '2026-02-28 18:00+00')",
        "14 days 01:00:00",
    ),
    (
        "Asia/Kolkata",
        "timestamptz '1800-01-01 00:00+00'",
        "1800-01-01 05:53:28+05:53:28",
    ),
    (
        "Asia/Kolkata",
        "make_timestamptz(2026, 3, 14, 19, 0, 0)",
        "2026-03-14 19:00:00+05:30",
    ),
    (
        "Asia/Kolkata",
        "make_timestamptz(2026, 3, 14, 19, 0, 0, 'UTC')",
        "2026-03-15 00:30:00+05:30",
    ),
    (
        "America/New_York",
        "timestamptz '2026-03-08 02:30'",
        "2026-03-08 03:30:00-04",
    ),
    (
        "America/New_York",
        "timestamptz '2026-11-01 01:30'",
        "2026-11-01 01:30:00-05",
    ),
    (
        "America/New_York",
        "timestamptz '2026-03-07 12:00' + interval '1 day'",
        "2026-03-08 12:00:00-04",
    ),
    (
        "America/New_York",
        "timestamptz '2026-03-07 12:00' + interval '24 hours'",
        "2026-03-08 13:00:00-04",
    ),
    (
        "America/New_York",
        "timestamptz '2026-11-01 12:00' - timestamptz '2026-10-31 12:00'",
        "1 day 01:00:00",
    ),
    (
        "America/New_York",
        "date_trunc('day', timestamptz '2026-11-01 12:00')",
        "2026-11-01 00:00:00-04",
    ),
    (
        "America/New_York",
        "date '2026-03-08'::timestamptz + interval '1 day'",
        "2026-03-09 00:00:00-04",
    ),
    (
        "America/New_York",
        "timestamptz '2026-01-31 00:00' + interval '1 month'",
        "2026-02-28 00:00:00-05",
    ),
    (
        "America/New_York",
        "timestamp '2026-07-01 00:00' at time zone 'EST'",
        "2026-07-01 01:00:00-04",
    ),
    (
        "America/New_York",
        "timestamp '2026-07-01 00:00' at time zone 'America/New_York'",
        "2026-07-01 00:00:00-04",
    ),
    ("UTC", "date '2026-03-15' + interval '36 hours'", "2026-03-16 12:00:00"),
    ("UTC", "date '2026-03-31' - interval '1 month'", "2026-02-28 00:00:00"),
    ("UTC", "date '2026-03-15' + 10", "2026-03-25"),
    ("UTC", "date '2026-03-15' - date '2026-02-27'", "16"),
    ("UTC", "date '2026-03-15' - timestamp '2026-03-14 12:00'", "12:00:00"),
    (
        "UTC",
        "interval '90 minutes' + date '2026-03-15'",
        "2026-03-15 01:30:00",
    ),
    ("UTC", "date '2026-03-15' + time '10:30'", "2026-03-15 10:30:00"),
    (
        "UTC",
        "timestamp '2026-03-15 10:00' - timestamp '2026-01-01'",
        "73 days 10:00:00",
    ),
    (
        "UTC",
        "timestamp '2026-01-01' - timestamp '2026-03-15 10:00'",
        "-73 days -10:00:00",
    ),
    ("UTC", "interval '1 day 12 hours' * 3", "3 days 36:00:00"),
    ("UTC", "interval '1 month' * 1.5", "1 mon 15 days"),
    ("UTC", "2.5 * interval '1 hour'", "02:30:00"),
    ("UTC", "interval '1 day' / 7", "03:25:42.857143"),
    ("UTC", "interval '10 days' / 4", "2 days 12:00:00"),
    ("UTC", "-interval '1 day 2 hours'", "-1 days -02:00:00"),
    ("UTC", "interval '1 month' - interval '1 day'", "1 mon -1 days"),
    ("UTC", "interval '1 month' = interval '30 days'", "true"),
    ("UTC", "interval '24 hours' = interval '1 day'", "true"),
    ("UTC", "interval '1 year' > interval '364 days'", "false"),
    (
        "UTC",
        "timestamp '2026-03-15' - timestamp '2026-01-01' > interval '2 months'",
        "true",
    ),
    (
        "UTC",
        "timestamp '2026-03-15' - timestamp '2026-01-01' > '73 days'",
        "false",
    ),
    ("UTC", "interval '1 day' between '23 hours' and '1 week'", "true"),
    (
        "UTC",
        "(timestamp '2026-03-15 10:00' - timestamp '2026-01-01') * 2",
        "146 days 20:00:00",
    ),
    (
        "UTC",
        "(timestamp '2026-03-15 10:00' - timestamp '2026-01-01') / 2",
        "36 days 17:00:00",
    ),
    (
        "UTC",
        "(timestamp '2026-03-15 10:00' - timestamp '2026-01-01') + interval '1 day'",
        "74 days 10:00:00",
    ),
    (
        "UTC",
        "interval '2 years 3 months 4 days 05:06:07.89'",
        "2 years 3 mons 4 days 05:06:07.89",
    ),
    ("UTC", "interval 'P3Y6M4DT12H30M5S'", "3 years 6 mons 4 days 12:30:05"),
    ("UTC", "interval '1-2 3 4:05:06'", "1 year 2 mons 3 days 04:05:06"),
    ("UTC", "interval '3 days ago'", "-3 days"),
    ("UTC", "interval '-1 day +2 hours'", "-1 days +02:00:00"),
    ("UTC", "interval '1.5 weeks'", "10 days 12:00:00"),
    ("UTC", "interval '7' day", "7 days"),
    ("UTC", "interval '2:30' hour to minute", "02:30:00"),
    ("UTC", "interval '250 milliseconds'", "00:00:00.25"),
    (
        "UTC",
        "extract(second from timestamp '2026-03-15 10:20:30.75')",
        "30.750000",
    ),
    (
        "UTC",
        "extract(milliseconds from timestamp '2026-03-15 10:20:30.75')",
        "30750.000",
    ),
    ("UTC", "extract(microseconds from time '10:20:30.75')", "30750000"),
    ("UTC", "extract(epoch from interval '1 day 02:03:04.5')", "93784.500000"),
    ("UTC", "extract(epoch from date '2026-03-15')", "1773532800"),
    (
        "UTC",
        "extract(hour from timestamp '2026-03-15' - timestamp '2026-03-01 03:30')",
        "20",
    ),
    (
        "UTC",
        "extract(day from timestamp '2026-03-15' - timestamp '2026-03-01 03:30')",
        "13",
    ),
    ("UTC", "extract(century from date '2000-12-31')", "20"),
    ("UTC", "extract(decade from date '1999-12-31')", "199"),
    ("UTC", "extract(millennium from date '2001-01-01')", "3"),
    ("UTC", "extract(isoyear from date '2027-01-03')", "2026"),
    ("UTC", "extract(week from date '2027-01-03')", "53"),
    ("UTC", "extract(isodow from date '2026-03-15')", "7"),
    ("UTC", "extract(doy from date '2024-12-31')", "366"),
    ("UTC", "extract(quarter from interval '14 months')", "1"),
    ("UTC", "extract(year from interval '14 months')", "1"),
    (
        "UTC",
        "extract(julian from timestamp '2026-03-15 12:00')",
        "2461115.50000000000000000000",
    ),
    (
        "UTC",
        "date_part('second', timestamp '2026-03-15 10:20:30.75')",
        "30.75",
    ),
    ("UTC", "date_part('hour', date '2026-03-15')", "0"),
    (
        "UTC",
        "date_trunc('decade', timestamp '2026-03-15 10:20')",
        "2020-01-01 00:00:00",
    ),
    (
        "UTC",
        "date_trunc('century', timestamp '2026-03-15 10:20')",
        "2001-01-01 00:00:00",
    ),
    (
        "UTC",
        "date_trunc('millennium', timestamp '2026-03-15')",
        "2001-01-01 00:00:00",
    ),
    (
        "UTC",
        "date_trunc('minute', interval '1 day 02:03:04')",
        "1 day 02:03:00",
    ),
    ("UTC", "date_trunc('hour', time '10:45')", "10:00:00"),
    (
        "UTC",
        "date_bin('15 minutes', timestamp '2026-03-15 10:44', timestamp '2001-01-01')",
        "2026-03-15 10:30:00",
    ),
    (
        "UTC",
        "date_bin(interval '2 days', timestamptz '2026-03-15 10:44', timestamptz '2026-03-01')",
        "2026-03-15 00:00:00+00",
    ),
    (
        "UTC",
        "age(timestamp '2026-03-15', timestamp '2020-12-31 12:00')",
        "5 years 2 mons 14 days 12:00:00",
    ),
    ("UTC", "age(date '2024-02-29', date '2023-02-28')", "1 year 1 day"),
    (
        "UTC",
        "justify_interval(interval '35 days 30 hours')",
        "1 mon 6 days 06:00:00",
    ),
    ("UTC", "justify_days(interval '65 days')", "2 mons 5 days"),
    ("UTC", "justify_hours(interval '50 hours')", "2 days 02:00:00"),
    ("UTC", "make_interval(days => 10, hours => 5)", "10 days 05:00:00"),
    (
        "UTC",
        "make_interval(1, 2, 3, 4, 5, 6, 7.5)",
        "1 year 2 mons 25 days 05:06:07.5",
    ),
    (
        "UTC",
        "make_timestamp(2026, 3, 15, 10, 20, 30.5)",
        "2026-03-15 10:20:30.5",
    ),
    ("UTC", "make_time(8, 15, 23.5)", "08:15:23.5"),
    ("UTC", "isfinite(date '2026-03-15')", "true"),
    ("UTC", "time '23:30' + interval '1 hour'", "00:30:00"),
    ("UTC", "time '10:00' - time '11:30'", "-01:30:00"),
    ("UTC", "time '10:00' - interval '90 minutes'", "08:30:00"),
    ("UTC", "timestamp '2026-03-15 10:20:30'::time", "10:20:30"),
    ("UTC", "date '15-Mar-2026'", "2026-03-15"),
    ("UTC", "date '20260315'", "2026-03-15"),
    ("UTC", "date 'March 15, 2026'", "2026-03-15"),
    ("UTC", "'2026-3-5'::date", "2026-03-05"),
    ("UTC", "timestamp '2026-03-15T10:20:30.5'", "2026-03-15 10:20:30.5"),
    ("UTC", "timestamp '2026-03-15 10:20 PM'", "2026-03-15 22:20:00"),
    ("UTC", "'today'::date = current_date", "true"),
    ("UTC", "'tomorrow'::date - 'yesterday'::date", "2"),
    ("UTC", "timestamp 'epoch'", "1970-01-01 00:00:00"),
    ("UTC", "timestamp(0) '2026-03-15 10:20:30.5'", "2026-03-15 10:20:31"),
    (
        "UTC",
        "timestamptz(3) '2026-03-15 10:20:30.1235+00'",
        "2026-03-15 10:20:30.124+00",
    ),
    (
        "UTC",
        "to_char(timestamp '2026-03-15 16:07:08.25', 'FMDay, DD FMMonth YYYY, HH12:MI:SS.MS am')",
        "Sunday, 15 March 2026, 04:07:08.250 pm",
    ),
    (
        "UTC",
        "to_char(date '2026-03-05', 'Month MON Dy DAY')",
        "March     MAR Thu THURSDAY ",
    ),
    (
        "UTC",
        r#"to_char(timestamp '2026-03-15 16:07:08', 'DDth "of" FMMonth, YYYY-"Q"Q')"#,
        "15th of March, 2026-Q1",
    ),
    (
        "UTC",
        r#"to_char(timestamp '2026-03-15 16:07:08', 'IYYY-"W"IW-ID DDD J WW W CC RM')"#,
        "2026-W11-7 074 2461115 11 3 21 III ",
    ),
    (
        "UTC",
        "to_char(timestamp '2026-03-15 16:07:08', 'Y,YYY YYY YY Y SSSS A.M. AD TZ OF')",
        "2,026 026 26 6 58028 P.M. AD  +00",
    ),
    (
        "UTC",
        "to_char(interval '27 hours 15 minutes', 'HH24:MI:SS')",
        "27:15:00",
    ),
    (
        "UTC",
        "to_char(timestamp '2026-01-01', 'HH12 HH24 FMHH12 FMMM')",
        "12 00 12 1",
    ),
    ("UTC", "to_char(1234567.891, 'FM9,999,999.00')", "1,234,567.89"),
    ("UTC", "to_char(-5.26, '999.9')", "  -5.3"),
    ("UTC", "to_char(12, '0000')", " 0012"),
    ("UTC", "to_char(0.5, 'FM990.00%')", "0.50%"),
    ("UTC", "to_char(1485, 'L9G999')", "  1,485"),
    ("UTC", "to_char(-485, '999PR')", "<485>"),
    ("UTC", "to_char(485, 'FMRN')", "CDLXXXV"),
    ("UTC", "to_char(148.5, '999.999')", " 148.500"),
    ("UTC", "to_char(-148.5, 'S999.9')", "-148.5"),
    ("UTC", "to_char(482, '999th')", " 482nd"),
    ("UTC", "to_char(0.0004859, '9.99EEEE')", " 4.86e-04"),
    ("UTC", "to_char(12345, '999')", " ###"),
    ("UTC", "to_char(3.14159::float8, 'FM9.99999')", "3.14159"),
    ("UTC", "to_char(148.5, 'FM999.999')", "148.5"),
    ("UTC", "to_char(0, 'FM9.9')", "0."),
    ("UTC", "to_char(12, 'MI99')", " 12"),
    ("UTC", "to_char(12.6, '99')", " 13"),
    ("UTC", "to_number('1,234.5-', '9,999.9S')", "-1234.5"),
    ("UTC", "to_date('15/03/2026', 'DD/MM/YYYY')", "2026-03-15"),
    ("UTC", "to_date('15 Mar 26', 'DD Mon YY')", "2026-03-15"),
    ("UTC", "to_date('2026074', 'YYYYDDD')", "2026-03-15"),
    ("UTC", "to_date('2026-11-7', 'IYYY-IW-ID')", "2026-03-15"),
    (
        "UTC",
        "to_timestamp('2026-03-15 04:07 pm', 'YYYY-MM-DD HH12:MI am')",
        "2026-03-15 16:07:00+00",
    ),
    ("UTC", "date(timestamp '2026-03-15 10:20')", "2026-03-15"),
    ("UTC", "date '0044-03-15 BC'", "0044-03-15 BC"),
    ("UTC", "timestamp '2026-03-15 24:00'", "2026-03-16 00:00:00"),
    ("UTC", "date '2026-03-15' < timestamp '2026-03-15 00:00:01'", "true"),
    ("UTC", "date '2026-03-15' in ('2026-03-14', '2026-03-15')", "true"),
    ("UTC", "coalesce(null, date '2026-03-15')", "2026-03-15"),
    ("UTC", "greatest(date '2026-03-15', date '2026-04-01')", "2026-04-01"),
    ("UTC", "'x' || date '2026-03-15' || 'y'", "x2026-03-15y"),
    (
        "UTC",
        "concat(timestamp '2026-03-15 10:00', ' ', interval '1 day')",
        "2026-03-15 10:00:00 1 day",
    ),
    ("Asia/Kolkata", "'infinity'::date", "infinity"),
    ("Asia/Kolkata", "' -Infinity'::timestamp", "-infinity"),
    ("Asia/Kolkata", "'infinity'::timestamptz", "infinity"),
    ("Asia/Kolkata", "'infinity'::date::timestamp", "infinity"),
    ("Asia/Kolkata", "'infinity'::date::timestamptz", "infinity"),
    ("Asia/Kolkata", "'-infinity'::timestamp::date", "-infinity"),
    ("Asia/Kolkata", "'-infinity'::timestamptz::date", "-infinity"),
    ("Asia/Kolkata", "'infinity'::timestamptz::timestamp", "infinity"),
    ("Asia/Kolkata", "'-infinity'::timestamp::timestamptz", "-infinity"),
    (
        "Asia/Kolkata",
        "'infinity'::timestamp at time zone 'Asia/Kolkata'",
        "infinity",
    ),
    ("Asia/Kolkata", "'infinity'::date + interval '1 day'", "infinity"),
    (
        "Asia/Kolkata",
        "'-infinity'::timestamp + interval '1 month'",
        "-infinity",
    ),
    (
        "Asia/Kolkata",
        "'infinity'::timestamptz - interval '1 hour'",
        "infinity",
    ),
    ("Asia/Kolkata", "'infinity'::timestamp > now()", "true"),
    ("Asia/Kolkata", "'-infinity'::date < date '0044-03-15 BC'", "true"),
    ("Asia/Kolkata", "'infinity'::date = 'infinity'::timestamp", "true"),
    (
        "Asia/Kolkata",
        "date '2026-03-15' between '-infinity' and 'infinity'",
        "true",
    ),
    ("Asia/Kolkata", "greatest(date '2026-03-15', 'infinity')", "infinity"),
    ("Asia/Kolkata", "isfinite('infinity'::date)", "false"),
    ("Asia/Kolkata", "isfinite('-infinity'::timestamptz)", "false"),
    ("Asia/Kolkata", "isfinite(date '2026-03-15')", "true"),
    (
        "Asia/Kolkata",
        "date_trunc('month', '-infinity'::timestamp)",
        "-infinity",
    ),
    ("Asia/Kolkata", "date_trunc('day', 'infinity'::timestamptz)", "infinity"),
    (
        "Asia/Kolkata",
        "date_bin('1 day', 'infinity'::timestamp, timestamp '2026-01-01')",
        "infinity",
    ),
    (
        "Asia/Kolkata",
        "date_part('epoch', '-infinity'::timestamp)",
        "-Infinity",
    ),
    ("Asia/Kolkata", "date_part('year', 'infinity'::date)", "Infinity"),
    (
        "Asia/Kolkata",
        "extract(month from 'infinity'::timestamp) is null",
        "true",
    ),
    (
        "Asia/Kolkata",
        "extract(timezone from 'infinity'::timestamptz) is null",
        "true",
    ),
    ("Asia/Kolkata", "'infinity'::timestamp::time is null", "true"),
    ("Asia/Kolkata", "to_char('infinity'::timestamp, 'YYYY') is null", "true"),
    ("Asia/Kolkata", "to_timestamp('-infinity'::float8)", "-infinity"),
    ("Asia/Kolkata", "to_json('infinity'::timestamp)", "\"infinity\""),
    (
        "Asia/Kolkata",
        "(select max(d) from (values (date '2026-03-15'), (date 'infinity'), (date '-infinity')) t(d))",
        "infinity",
    ),
];

/// What PostgreSQL refuses too.
const REFUSED: &[&str] = &[
    "date '2026-02-30'",
    "timestamp '2026-03-15 25:00'",
    "interval 'soon'",
    "date '2026-03-15' + timestamp '2026-03-15'",
    "extract(hour from date '2026-03-15')",
    "timestamp '2026-03-15' at time zone 'Mars/Olympus'",
    "to_date('2026-02-30', 'YYYY-MM-DD')",
    "interval '1 day' / 0",
    "to_char(1, '9.9.9')",
    "date_trunc('fortnight', now())",
    "date '2026-03-15' * 2",
    "'+infinity'::date",
    "'infinity'::time",
    "'infinity'::date - date '2026-03-15'",
    "'infinity'::timestamp - '-infinity'::timestamp",
    "extract(hour from 'infinity'::date)",
];

/// What would have another meaning, or has no value here: an error says what to write instead.
const REFUSED_HERE: &[&str] = &[
    "to_char(now(), '%Y-%m-%d')",
    "timestamp '2026-03-15' at time zone 'IST'",
    "date '11/12/2026'",
    "extract(epoch from 'infinity'::timestamp)",
    "age('infinity'::timestamp, timestamp '2026-03-15')",
    "'infinity'::timestamp(0)",
    "'infinity'::date + 1",
    "max(interval '1 month')",
];

/// The expressions of each zone, with their texts.
fn by_zone() -> BTreeMap<&'static str, Vec<(&'static str, &'static str)>> {
    let mut zones: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (zone, expression, text) in ANSWERS {
        zones.entry(*zone).or_default().push((*expression, *text));
    }
    zones
}

#[test]
fn the_endpoint_answers_as_postgresql_does() {
    let endpoint = EndpointSetup::over(TestExports::small()).user("asha", ALL).start();
    let mut wrong = Vec::new();
    for (zone, expressions) in by_zone() {
        let mut connection = endpoint.connect("asha").expect("connected");
        endpoint
            .ask_on(&mut connection, &format!("set time zone '{zone}'"))
            .expect("set");
        for (expression, expected) in expressions {
            let texts = [format!("select ({expression})::text"), format!("select {expression}")].map(|sql| {
                match endpoint.ask_on(&mut connection, &sql) {
                    Ok(rows) => rows[0][0].clone(),
                    Err((code, message)) => format!("{code} {message}"),
                }
            });
            // A boolean is t alone, and true as text.
            let is_boolean = ["true", "false"].contains(&expected);
            let alone = if is_boolean { &expected[..1] } else { expected };
            if !is_same(&texts[0], expected) || !is_same(&texts[1], alone) {
                wrong.push(format!("{zone} {expression}: {expected}, not {texts:?}"));
            }
        }
    }
    for expression in REFUSED.iter().chain(REFUSED_HERE) {
        if let Ok(rows) = endpoint.ask("asha", &format!("select {expression}")) {
            wrong.push(format!("{expression} gave {rows:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether two texts are equal, or the same number.
fn is_same(found: &str, expected: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    found == expected || (number(expected).is_some() && number(found) == number(expected))
}

#[test]
fn the_shell_answers_as_the_endpoint_does() {
    let exports = TestExports::small();
    for (zone, expressions) in by_zone() {
        let mut command = pragati();
        command
            .args(["sql", "--exports"])
            .arg(exports.path())
            .args(["--format", "json"]);
        command.args(["-c", &format!("set time zone '{zone}'")]);
        for (expression, _) in &expressions {
            command.args(["-c", &format!("select cast(({expression}) as text) as answer")]);
        }
        let output = command.output().expect("an answer");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answers = String::from_utf8(output.stdout).expect("text");
        let answers: Vec<serde_json::Value> = serde_json::Deserializer::from_str(&answers)
            .into_iter()
            .map(|answer| answer.expect("JSON"))
            .collect();
        let wrong = expressions
            .iter()
            .zip(&answers)
            .filter_map(|((expression, expected), answer)| {
                let found = answer[0]["answer"].as_str().unwrap_or("nothing");
                (!is_same(found, expected)).then(|| format!("{zone} {expression}: {expected}, not {found}"))
            });
        let wrong: Vec<String> = wrong.collect();
        assert_eq!(answers.len(), expressions.len());
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn a_session_s_zone_is_set_in_every_form() {
    let endpoint = EndpointSetup::over(TestExports::small()).user("asha", ALL).start();
    let moment = "select timestamptz '2026-08-01 00:00:00+00'";
    for (set, expected) in [
        ("set time zone 'Asia/Kolkata'", "2026-08-01 05:30:00+05:30"),
        ("set timezone to 'asia/kolkata'", "2026-08-01 05:30:00+05:30"),
        (
            "set time zone interval '+05:30' hour to minute",
            "2026-08-01 05:30:00+05:30",
        ),
        ("set time zone 5.5", "2026-08-01 05:30:00+05:30"),
        ("set time zone -7", "2026-07-31 17:00:00-07"),
        ("set timezone = '+05:30'", "2026-07-31 18:30:00-05:30"),
        ("set time zone local", "2026-08-01 00:00:00+00"),
        ("set timezone to default", "2026-08-01 00:00:00+00"),
    ] {
        let mut connection = endpoint.connect("asha").expect("connected");
        endpoint.ask_on(&mut connection, set).expect(set);
        assert_eq!(
            endpoint.ask_on(&mut connection, moment).expect(set)[0][0],
            expected,
            "{set}"
        );
    }
    let options = endpoint.options("asha").options([("timezone", "Asia/Kolkata")]);
    let mut connection = endpoint.connect_with(&options).expect("connected");
    let found = endpoint.ask_on(&mut connection, moment).expect("an answer");
    assert_eq!(found[0][0], "2026-08-01 05:30:00+05:30");
    assert_eq!(endpoint.code("asha", "set time zone 'Mars/Olympus'"), "22023");
}

#[test]
fn errors_of_times_have_the_codes_of_postgresql() {
    let endpoint = EndpointSetup::over(TestExports::small()).user("asha", ALL).start();
    for (sql, code) in [
        ("select to_date('x', 'YYYY')", "22007"),
        ("select to_date('2026-13-01', 'YYYY-MM-DD')", "22008"),
        ("select to_char(1, '9.9.9')", "42601"),
        ("select interval '1 day' / 0", "22012"),
        ("select now() at time zone 'Mars'", "22023"),
        ("select date_trunc('fortnight', now())", "22023"),
        ("select date_trunc('week', interval '1 day')", "0A000"),
        ("select date_bin('1 month', now(), now())", "0A000"),
        ("select generate_series(1, 10, 0)", "22023"),
        ("select 'infinity'::date - date '2026-01-01'", "22008"),
        ("select extract(year from 'infinity'::date)", "0A000"),
    ] {
        assert_eq!(endpoint.code("asha", sql), code, "{sql}");
    }
}

#[test]
fn series_of_times_give_rows() {
    let endpoint = EndpointSetup::over(TestExports::small()).user("asha", ALL).start();
    for (sql, expected) in [
        (
            "select generate_series('2026-01-31'::timestamp, '2026-04-30'::timestamp, '1 month')",
            "2026-01-31 00:00:00, 2026-02-28 00:00:00, 2026-03-28 00:00:00, 2026-04-28 00:00:00",
        ),
        (
            "select d from generate_series(timestamp '2026-01-01', '2026-01-02', interval '12 hours') as d order by d desc",
            "2026-01-02 00:00:00, 2026-01-01 12:00:00, 2026-01-01 00:00:00",
        ),
        ("select x * 2 from generate_series(1, 3) as x", "2, 4, 6"),
        (
            "select x from generate_series(0.5, 2.0, 0.5) as g(x)",
            "0.5, 1.0, 1.5, 2.0",
        ),
        ("select generate_series(3, 1, -1)", "3, 2, 1"),
        (
            "select d::date from generate_series(date '2026-02-28', date '2026-03-01', '1 day') d",
            "2026-02-28, 2026-03-01",
        ),
    ] {
        let rows = endpoint.ask("asha", sql).expect(sql);
        let rows: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(rows.join(", "), expected, "{sql}");
    }
    for sql in [
        "select generate_series(1, 9000000000)",
        "select generate_series(timestamp '2026-01-01', '2027-01-01', interval '1 microsecond')",
        "select generate_series(timestamp '2026-01-01', '2027-01-01', interval '0')",
        "select generate_series(date '2026-01-01', date '2027-01-01', 1)",
    ] {
        assert!(endpoint.ask("asha", sql).is_err(), "{sql}");
    }
}

#[test]
fn arrays_and_texts_of_times_are_in_the_session_s_zone() {
    let endpoint = EndpointSetup::over(TestExports::small()).user("asha", ALL).start();
    let mut connection = endpoint.connect("asha").expect("connected");
    endpoint
        .ask_on(&mut connection, "set time zone 'Asia/Kolkata'")
        .expect("set");
    for (sql, expected) in [
        (
            "select array_agg(t) from (values (timestamptz '2026-01-01 00:00+00')) v(t)",
            "{\"2026-01-01 05:30:00+05:30\"}",
        ),
        (
            "select array[timestamp '2026-01-01 10:00', null]::text",
            "{\"2026-01-01 10:00:00\",NULL}",
        ),
        (
            "select 'at ' || timestamptz '2026-01-01 00:00+00'",
            "at 2026-01-01 05:30:00+05:30",
        ),
        ("select (timestamptz '2025-12-31 20:00+00')::varchar(10)", "2026-01-01"),
    ] {
        assert_eq!(
            endpoint.ask_on(&mut connection, sql).expect(sql)[0][0],
            expected,
            "{sql}"
        );
    }
}

#[test]
fn durations_are_compared_and_sorted_by_their_length() {
    let endpoint = EndpointSetup::over(TestExports::small()).user("asha", ALL).start();
    for (sql, expected) in [
        (
            "select i from (values (interval '1 month'), (interval '40 days'), (interval '29 days')) t(i) order by i",
            "29 days, 1 mon, 40 days",
        ),
        (
            "select max(b - a) from (values (date '2026-01-01', timestamp '2026-02-01 10:00')) t(a, b)",
            "31 days 10:00:00",
        ),
        (
            "select count(*) from (values (timestamptz '2026-01-01 00:00+00', timestamptz '2026-02-01 00:00+00')) t(a, b)
             where b - a > interval '30 days' and b - a < '1 month 2 days' and not b - a between '1 day' and '1 month'",
            "1",
        ),
        (
            "select sum(n) over (order by d range between interval '7 days' preceding and current row)
             from (values (date '2026-01-01', 1), (date '2026-01-05', 2), (date '2026-01-20', 3)) t(d, n) order by d",
            "1, 3, 3",
        ),
    ] {
        let rows = endpoint.ask("asha", sql).expect(sql);
        let rows: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(rows.join(", "), expected, "{sql}");
    }
}

#[test]
fn dates_are_compared_with_the_timestamps_of_sums() {
    let endpoint = EndpointSetup::over(TestExports::small()).user("asha", ALL).start();
    let dates = "(values (date '2026-01-01'), (date '2026-01-02'), (date '2026-01-03'), (null), (date 'infinity'),
        (date '-infinity')) t(d)";
    let noon = "date '2026-01-01' + interval '36 hours'";
    let midnight = "date '2026-01-01' + interval '1 day'";
    for (condition, expected) in [
        (format!("d < {noon}"), "3"),
        (format!("d <= {noon}"), "3"),
        (format!("d > {noon}"), "2"),
        (format!("{noon} <= d"), "2"),
        (format!("d = {noon}"), "0"),
        (format!("d <> {noon}"), "5"),
        (format!("d < {midnight}"), "2"),
        (format!("d <= {midnight}"), "3"),
        (format!("d > {midnight}"), "2"),
        (format!("{midnight} <= d"), "3"),
        (format!("d = {midnight}"), "1"),
        (format!("d <> {midnight}"), "4"),
        (format!("d is distinct from {midnight}"), "5"),
        (format!("d is not distinct from {midnight}"), "1"),
        (format!("d between date '2026-01-01' and {noon}"), "2"),
        (format!("d not between date '2026-01-01' and {noon}"), "3"),
        (format!("d in ({midnight}, {noon})"), "1"),
        (format!("not d < {noon}"), "2"),
        ("d < timestamp 'infinity'".to_owned(), "4"),
        ("d >= timestamp '-infinity'".to_owned(), "5"),
        ("d > null::timestamp".to_owned(), "0"),
    ] {
        let sql = format!("select count(*) from {dates} where {condition}");
        assert_eq!(endpoint.ask("asha", &sql).expect(&sql)[0][0], expected, "{condition}");
    }
}

#[test]
fn a_date_before_a_sum_is_tested_while_files_are_read() {
    let days =
        "select cast(value as date) as shipped from (values ('2026-01-01'), ('2026-01-02'), ('2026-01-03')) t(value)";
    let exports = TestExports::small().table("shipments", days);
    let config = exports.config("[other_tables]\nshipments = 'shipments'");
    let asked = |what: &str| {
        let sql = format!("{what} from shipments where shipped <= date '2026-01-01' + interval '1' day");
        exports.output("sql", &["--config", &config, "--format", "csv", "-c", &sql])
    };
    assert_eq!(asked("select count(*) as days"), "days\n2\n");
    let plan = asked("explain select *");
    assert!(
        plan.contains("predicate=shipped@0 < 2026-01-03") && !plan.contains("timestamp_of_date"),
        "{plan}"
    );
}

#[test]
fn patterns_and_zones_may_be_bound() {
    let endpoint = EndpointSetup::over(TestExports::small()).user("asha", ALL).start();
    let mut connection = endpoint.connect("asha").expect("connected");
    let mut ask = |sql: &'static str, values: &[&str]| -> String {
        let mut query = sqlx::query_scalar(sql);
        for value in values {
            query = query.bind((*value).to_owned());
        }
        endpoint.runtime.block_on(query.fetch_one(&mut connection)).expect(sql)
    };
    assert_eq!(
        ask(
            "select to_char(timestamp '2026-03-15 16:07', $1)",
            &["DD.MM.YYYY \"um\" HH24:MI"]
        ),
        "15.03.2026 um 16:07"
    );
    assert_eq!(
        ask("select to_date($1, $2)::text", &["15/03/2026", "DD/MM/YYYY"]),
        "2026-03-15"
    );
    assert_eq!(
        ask(
            "select (timestamptz '2026-03-14 19:00+00' at time zone $1)::text",
            &["Asia/Kolkata"]
        ),
        "2026-03-15 00:30:00"
    );
    assert_eq!(
        ask("select (date '2026-03-15' + ($1 || ' days')::interval)::text", &["30"]),
        "2026-04-14 00:00:00"
    );
}

#[test]
fn views_give_the_same_days_in_every_zone() {
    let endpoint = EndpointSetup::over(TestExports::small()).user("asha", ALL).start();
    let views = endpoint
        .ask(
            "asha",
            "select table_name from information_schema.tables where table_schema = 'public' order by 1",
        )
        .expect("tables");
    let rows_in = |zone: &str| {
        let mut connection = endpoint.connect("asha").expect("connected");
        endpoint
            .ask_on(&mut connection, &format!("set time zone '{zone}'"))
            .expect("set");
        let mut all = BTreeMap::new();
        for view in &views {
            let columns = endpoint
                .ask_on(
                    &mut connection,
                    &format!(
                        "select column_name, data_type from information_schema.columns where table_name = '{}' order by ordinal_position",
                        view[0]
                    ),
                )
                .expect("columns");
            // Moments are written in the session's zone, so their epochs are compared.
            let columns = columns.iter().map(|column| match column[1].starts_with("timestamp") {
                true => format!("extract(epoch from \"{0}\") as \"{0}\"", column[0]),
                false => format!("\"{}\"", column[0]),
            });
            let columns = columns.collect::<Vec<_>>().join(", ");
            let mut rows = endpoint
                .ask_on(&mut connection, &format!("select {columns} from \"{}\"", view[0]))
                .unwrap_or_else(|error| panic!("{}: {error:?}", view[0]));
            rows.sort();
            all.insert(view[0].clone(), rows);
        }
        all
    };
    let in_utc = rows_in("UTC");
    assert!(
        in_utc.len() > 10 && in_utc["course_progress_report"].len() > 1,
        "{in_utc:?}"
    );
    assert_eq!(rows_in("Pacific/Kiritimati"), in_utc);
    assert_eq!(rows_in("America/New_York"), in_utc);
}
