//! The endpoint gives PostgreSQL's values, column names and types, or an error where PostgreSQL refuses.

use sqlx::postgres::PgTypeInfo;
use sqlx::postgres::types::Oid;
use sqlx::{Column, Row, TypeInfo};

use crate::running_endpoint::EndpointSetup;
use crate::support::TestExports;

/// A statement, and what PostgreSQL 15 answers: its columns with their types, and its rows; or the class of its error.
const ANSWERS: [(&str, &str); 210] = [
    ("select 1, 1", "?column? INT4, ?column? INT4 = 1|1"),
    (
        "select count(*), count(*) as count, max(x), max(x)::text from (values (1), (2)) t(x)",
        "count INT8, count INT8, max INT4, max TEXT = 2|2|2|2",
    ),
    (
        "select 3000000000 + 1, 40000 * 2, 17 / 5, -17 / 5, 17 % 5, -17 % 5",
        "?column? INT8, ?column? INT4, ?column? INT4, ?column? INT4, ?column? INT4, ?column? INT4 = 3000000001|80000|3|-3|2|-2",
    ),
    ("select 2147483647 + 1", "error 22"),
    ("select 9223372036854775807 + 2", "error 22"),
    ("select -9223372036854775808 - 1", "error 22"),
    ("select 32000::smallint + 1000::smallint", "error 22"),
    ("select 3037000500::bigint * 3037000500::bigint", "error 22"),
    ("select 5 / 0", "error 22"),
    ("select 5.5 / 0", "error 22"),
    ("select 5::float8 / 0", "error 22"),
    ("select 0::float8 / 0", "error 22"),
    ("select 5 % 0", "error 22"),
    ("select 5.5 % 0.0", "error 22"),
    ("select 1e200::float8 * 1e200::float8", "error 22"),
    ("select 1e-200::float8 * 1e-200::float8", "error 22"),
    (
        "select 11 / 4.0, 10.0 / 3, 1 / 7.0, -2 / 3.0, 1000000 / 3.0, 0.5 / 8, 6 / 6.0",
        "?column? NUMERIC, ?column? NUMERIC, ?column? NUMERIC, ?column? NUMERIC, ?column? NUMERIC, ?column? NUMERIC, ?column? NUMERIC = 2.7500000000000000|3.3333333333333333|0.14285714285714285714|-0.66666666666666666667|333333.333333333333|0.06250000000000000000|1.00000000000000000000",
    ),
    (
        "select 0.1 + 0.7 = 0.8, 0.1::float8 + 0.7::float8 = 0.8::float8, 1.10 * 3, 5.00 - 0.5, 7.25 % 2",
        "?column? BOOL, ?column? BOOL, ?column? NUMERIC, ?column? NUMERIC, ?column? NUMERIC = t|f|3.30|4.50|1.25",
    ),
    (
        "select sum(x), avg(x), sum(x) / count(*), sum(x) / 4 from (values (1::bigint), (2), (4)) t(x)",
        "sum NUMERIC, avg NUMERIC, ?column? NUMERIC, ?column? NUMERIC = 7|2.3333333333333333|2.3333333333333333|1.7500000000000000",
    ),
    (
        "select sum(x), avg(x), min(x), max(x) from (values (1), (2), (4)) t(x)",
        "sum INT8, avg NUMERIC, min INT4, max INT4 = 7|2.3333333333333333|1|4",
    ),
    (
        "select sum(x), avg(x), min(x), max(x) from (values (1.50), (2.25), (null)) t(x)",
        "sum NUMERIC, avg NUMERIC, min NUMERIC, max NUMERIC = 3.75|1.8750000000000000|1.50|2.25",
    ),
    (
        "select sum(distinct x), avg(distinct x), count(distinct x) from (values (1), (1), (4)) t(x)",
        "sum INT8, avg NUMERIC, count INT8 = 5|2.5000000000000000|2",
    ),
    (
        "select sum(x) filter (where x > 1), avg(x) filter (where x > 9) from (values (1), (2), (4)) t(x)",
        "sum INT8, avg NUMERIC = 6|∅",
    ),
    (
        "select k, sum(x) filter (where x > 1), avg(x) filter (where x > 9), sum(distinct x), sum(x * (1 - x)) from (values ('a', 1.50), ('a', 1.50), ('a', null), ('b', 0.25), ('c', null)) t(k, x) group by k order by k",
        "k TEXT, sum NUMERIC, avg NUMERIC, sum NUMERIC, sum NUMERIC = a|3.00|∅|1.50|-1.5000 / b|∅|∅|0.25|0.1875 / c|∅|∅|∅|∅",
    ),
    (
        "select sum(x) over (order by k rows between 1 preceding and current row), avg(x) over (order by k rows between 1 preceding and current row) from (values (1, 1.50), (2, null), (3, 2.25), (4, null), (5, null)) t(k, x) order by k",
        "sum NUMERIC, avg NUMERIC = 1.50|1.5000000000000000 / 1.50|1.5000000000000000 / 2.25|2.2500000000000000 / 2.25|2.2500000000000000 / ∅|∅",
    ),
    (
        "select x + 0, x - 1, x * 1, x + x, 1 - x from (values (45678901234567890123456789012345678.99), (0.01), (null)) t(x)",
        "?column? NUMERIC, ?column? NUMERIC, ?column? NUMERIC, ?column? NUMERIC, ?column? NUMERIC = 45678901234567890123456789012345678.99|45678901234567890123456789012345677.99|45678901234567890123456789012345678.99|91357802469135780246913578024691357.98|-45678901234567890123456789012345677.99 / 0.01|-0.99|0.01|0.02|0.99 / ∅|∅|∅|∅|∅",
    ),
    (
        "select sum(0.2 * a) from (select avg(x) as a from (values ('a', 1.0), ('a', 2.0), ('b', 4.5)) t(k, x) group by k) s",
        "sum NUMERIC = 1.20000000000000000",
    ),
    (
        "select k, sum(x), avg(x) from (values ('a', 1), ('b', 2), ('a', 4)) t(k, x) group by k order by k",
        "k TEXT, sum INT8, avg NUMERIC = a|5|2.5000000000000000 / b|2|2.0000000000000000",
    ),
    (
        "select x, sum(x) over (order by x), avg(x) over (order by x rows between 1 preceding and current row) from (values (1), (2), (4)) t(x) order by x",
        "x INT4, sum INT8, avg NUMERIC = 1|1|1.00000000000000000000 / 2|3|1.5000000000000000 / 4|7|3.0000000000000000",
    ),
    (
        "select 7.5::int, 8.5::int, -7.5::int, 7.5::float8::int, 8.5::float8::int, 0.4999::int, 7.49::bigint",
        "int4 INT4, int4 INT4, ?column? INT4, int4 INT4, int4 INT4, int4 INT4, int8 INT8 = 8|9|-8|8|8|0|7",
    ),
    (
        "select cast(1.5 as smallint), cast(-0.5 as integer), cast(2.5::float8 as bigint), '  42 '::int, true::int",
        "int2 INT2, int4 INT4, int8 INT8, int4 INT4, int4 INT4 = 2|-1|2|42|1",
    ),
    ("select 40000::smallint", "error 22"),
    ("select 3000000000::int", "error 22"),
    ("select 1e10::float8::int", "error 22"),
    ("select 'x1'::int", "error 22"),
    ("select '1.5'::int", "error 22"),
    ("select 'NaN'::float8::int", "error 22"),
    (
        "select 33554433::float, 0.1::real, 1e15::float8, 123456.5::float8, 1e-7::float8, 16777217::real, 100::float8",
        "float8 FLOAT8, float4 FLOAT4, float8 FLOAT8, float8 FLOAT8, float8 FLOAT8, float4 FLOAT4, float8 FLOAT8 = 33554433|0.1|1e+15|123456.5|1e-07|1.6777216e+07|100",
    ),
    (
        "select 'Infinity'::float8, '-inf'::float8, 'nan'::float8, 1e308::float8",
        "float8 FLOAT8, float8 FLOAT8, float8 FLOAT8, float8 FLOAT8 = Infinity|-Infinity|NaN|1e+308",
    ),
    (
        "select round(6.5), round(-6.5), round(6.5::float8), round(7.5::float8), round(2.345, 2), round(-2.345, 2), round(9876.5, -2), round(7), round(1.25::numeric(10, 2), 1)",
        "round NUMERIC, round NUMERIC, round FLOAT8, round FLOAT8, round NUMERIC, round NUMERIC, round NUMERIC, round FLOAT8, round NUMERIC = 7|-7|6|8|2.35|-2.35|9900|7|1.3",
    ),
    (
        "select trunc(2.789, 1), trunc(-2.789), ceil(2.01), ceil(-2.9), floor(-2.1), floor(7.9::float8), ceil(3), sign(-7.5), sign(3), abs(-2.5), abs(-3)",
        "trunc NUMERIC, trunc NUMERIC, ceil NUMERIC, ceil NUMERIC, floor NUMERIC, floor FLOAT8, ceil FLOAT8, sign NUMERIC, sign FLOAT8, abs NUMERIC, abs INT4 = 2.7|-2|3|-2|-3|7|3|-1|1|2.5|3",
    ),
    (
        "select mod(17, 5), mod(-7.5, 2), div(17, 5), div(-17.5, 5), power(2, 3), power(2.0, 3), 2 ^ 3, sqrt(16), cbrt(27), gcd(12, 18), lcm(4, 10), factorial(6)",
        "mod INT4, mod NUMERIC, div NUMERIC, div NUMERIC, power FLOAT8, power NUMERIC, ?column? FLOAT8, sqrt FLOAT8, cbrt FLOAT8, gcd INT4, lcm INT4, factorial NUMERIC = 2|-1.5|3|-3|8|8.0000000000000000|8|4|3.0000000000000004|6|20|720",
    ),
    ("select power(0, -1)", "error 22"),
    ("select sqrt(-1)", "error 22"),
    (
        "select width_bucket(7.5, 0, 10, 4), width_bucket(-1, 0, 10, 4), width_bucket(10, 0, 10, 4)",
        "width_bucket INT4, width_bucket INT4, width_bucket INT4 = 4|0|5",
    ),
    (
        "select 2.50::numeric, '3.140'::numeric, 2.5::numeric(10, 3), 2.345::numeric(5, 2), 7::numeric, 12::numeric(4, 1)",
        "numeric NUMERIC, numeric NUMERIC, numeric NUMERIC, numeric NUMERIC, numeric NUMERIC, numeric NUMERIC = 2.50|3.140|2.500|2.35|7|12.0",
    ),
    ("select 1234.5::numeric(5, 2)", "error 22"),
    (
        "select 0.5::text, 5.10::text, 2::float8::text, 1e20::float8::text, true::text, 7::text || '%', 1.50 || ' x'",
        "text TEXT, text TEXT, text TEXT, text TEXT, text TEXT, ?column? TEXT, ?column? TEXT = 0.5|5.10|2|1e+20|true|7%|1.50 x",
    ),
    (
        "select array[1, 2, null]::text, array['a', 'b c', 'd\"e', '', 'null', null]::text, array[true, false]::text, array[1.50, 2]::text, array[2::float8]::text",
        "array TEXT, array TEXT, array TEXT, array TEXT, array TEXT = {1,2,NULL}|{a,\"b c\",\"d\\\"e\",\"\",\"null\",NULL}|{t,f}|{1.50,2}|{2}",
    ),
    (
        "select 'abcdef'::varchar(4), 'abcdef'::char(2), 'ab '::char(5) = 'ab', 'अनीता'::varchar(3), 12345::varchar(3)",
        "varchar TEXT, bpchar TEXT, ?column? BOOL, varchar TEXT, varchar TEXT = abcd|ab|t|अनी|123",
    ),
    (
        "select 'xyz' similar to 'y', 'xyz' similar to '%y%', 'xyz' similar to 'x_z', 'xyz' similar to '(a|x)%', 'x.z' similar to 'x.z', 'xyz' similar to 'x.z', 'xyz' not similar to 'x%', 'a%' similar to 'a\\%'",
        "?column? BOOL, ?column? BOOL, ?column? BOOL, ?column? BOOL, ?column? BOOL, ?column? BOOL, ?column? BOOL, ?column? BOOL = f|t|t|t|t|f|f|t",
    ),
    (
        "select x from (values (1), (1), (1), (2)) t(x) intersect all select x from (values (1), (1), (3)) u(x) order by 1",
        "x INT4 = 1 / 1",
    ),
    (
        "select x, y from (values (1, 'a'), (1, 'a'), (2, 'b')) t(x, y) except all select x, y from (values (1, 'a')) u(x, y) order by 1, 2",
        "x INT4, y TEXT = 1|a / 2|b",
    ),
    (
        "select count(*) from (select x from (values (1), (1), (null), (null)) t(x) intersect all select x from (values (1), (null), (null)) u(x)) s",
        "count INT8 = 3",
    ),
    (
        "select x, y from (values (1, 'a')) t(x, y) join (values (1), (2)) u(x) using (x) where x = 1 and y <> ''",
        "x INT4, y TEXT = 1|a",
    ),
    (
        "select x, count(*) from (values (1), (2)) t(x) right join (values (2), (3), (3)) u(x) using (x) group by x order by x",
        "x INT4, count INT8 = 2|1 / 3|2",
    ),
    (
        "select x from (values (1)) t(x) full join (values (2)) u(x) using (x) order by x desc",
        "x INT4 = 2 / 1",
    ),
    (
        "select * from (values ('b', 2)) t(y, x) left join (values (3, 'z')) a(x, z) using (x)",
        "x INT4, y TEXT, z TEXT = 2|b|∅",
    ),
    (
        "select x, y, t.x, u.x from (values (1, 7)) t(x, y) left join (values (2)) u(x) using (x)",
        "x INT4, y INT4, x INT4, x INT4 = 1|7|1|∅",
    ),
    (
        "select * from (values (1, 'a')) t(x, y) natural join (values (1, 'c')) u(x, z) where x = 1",
        "x INT4, y TEXT, z TEXT = 1|a|c",
    ),
    (
        "select x, y from (values (1, 5)) t(x, y) join (values (1)) u(x) using (x) join (values (5, 1)) v(y, w) using (y) where x = 1 and y = 5",
        "x INT4, y INT4 = 1|5",
    ),
    ("select generate_series(2, 4)", "generate_series INT4 = 2 / 3 / 4"),
    (
        "select generate_series(1, 7, 3) as n, 'x' as x",
        "n INT4, x TEXT = 1|x / 4|x / 7|x",
    ),
    (
        "select k, generate_series(1, k) as i from (values (1), (3)) t(k) order by 1, 2",
        "k INT4, i INT4 = 1|1 / 3|1 / 3|2 / 3|3",
    ),
    (
        "select sum(i) from (select generate_series(1, 10) as i) s where i % 2 = 0",
        "sum INT8 = 30",
    ),
    (
        "select array_length(array[]::int[], 1), array_length(array[1, 2], 1), array_length(array[1], 2), cardinality(array[]::text[]), cardinality(array[1, 2]), array_upper(array['a'], 1), array_lower(array['a'], 1)",
        "array_length INT4, array_length INT4, array_length INT4, cardinality INT4, cardinality INT4, array_upper INT4, array_lower INT4 = ∅|2|∅|0|2|1|1",
    ),
    (
        "select array_position(array['a', 'b'], 'b'), array_position(array['a'], 'z'), array_remove(array[1, 2, 1, 3], 1), array[1, 2] && array[2, 9], array[1] && array[3], array[1, 2] @> array[2]",
        "array_position INT4, array_position INT4, array_remove INT4[], ?column? BOOL, ?column? BOOL, ?column? BOOL = 2|∅|{2,3}|t|f|t",
    ),
    ("select 'a' = 1", "error 22"),
    ("select count(*) from (values ('1')) t(x) where x = 1", "error 42"),
    ("select count(*) from (values ('1')) t(x) where x in (1, 2)", "error 42"),
    (
        "select count(*) from (values ('1')) t(x) where x between 1 and 2",
        "error 42",
    ),
    (
        "select count(*) from (values ('1')) t(x) join (values (1)) u(y) on x = y",
        "error 42",
    ),
    ("select 'a' + 1", "error 22"),
    (
        "select '5' * 3, '7' > '10', 7 > '5', '2.5' + 1.5, true = 'yes', 5 in ('5', '6')",
        "?column? INT4, ?column? BOOL, ?column? BOOL, ?column? NUMERIC, ?column? BOOL, ?column? BOOL = 15|t|t|4.0|t|t",
    ),
    ("select 'x' > 5", "error 22"),
    (
        "select percentile_disc(0.5) within group (order by x), percentile_disc(0.9) within group (order by x desc), mode() within group (order by x) from (values (1), (2), (2), (7)) t(x)",
        "percentile_disc INT4, percentile_disc INT4, mode INT4 = 2|1|2",
    ),
    (
        "select percentile_disc(array[0.25, 0.75]) within group (order by x), percentile_cont(array[0.25, 0.5]) within group (order by x), percentile_cont(0.5) within group (order by x) from (values (1), (2), (4), (7)) t(x)",
        "percentile_disc INT4[], percentile_cont FLOAT8[], percentile_cont FLOAT8 = {1,4}|{1.75,3}|3",
    ),
    (
        "select percentile_disc(0.5) within group (order by x), mode() within group (order by x) from (values ('b'), ('a'), ('b')) t(x)",
        "percentile_disc TEXT, mode TEXT = b|b",
    ),
    (
        "select percentile_disc(1.5) within group (order by x) from (values (1)) t(x)",
        "error 22",
    ),
    (
        "select every(x > 1), bool_or(x > 1), variance(x::float8), stddev(x::float8) from (values (1), (3)) t(x)",
        "every BOOL, bool_or BOOL, variance FLOAT8, stddev FLOAT8 = f|t|2|1.4142135623730951",
    ),
    (
        "select case when 1 > 0 then 1.5 else 2 end, case when false then 1 end, coalesce(null, 2.50), nullif(1.0, 1), greatest(1, 2.5), least(3, 2)",
        "case NUMERIC, case INT4, coalesce NUMERIC, nullif NUMERIC, greatest NUMERIC, least INT4 = 1.5|∅|2.50|∅|2.5|2",
    ),
    (
        "select format('%s of %s', 7, 2.50), format('%2$s-%1$s', 'a', 'b'), format('[%-4s|%4s]', 'x', 'y'), quote_literal('it''s'), quote_ident('A b'), quote_nullable(null)",
        "format TEXT, format TEXT, format TEXT, quote_literal TEXT, quote_ident TEXT, quote_nullable TEXT = 7 of 2.50|b-a|[x   |   y]|'it''s'|\"A b\"|NULL",
    ),
    (
        "select substring('size=42' from 'size=([0-9]+)'), regexp_split_to_array('a, b,c', ',\\s*'), 'x Arjun' ~ '\\mAr', 'priya' ~ '\\yriya\\y', starts_with('abc', 'ab'), 'abc' ^@ 'bc'",
        "substring TEXT, regexp_split_to_array TEXT[], ?column? BOOL, ?column? BOOL, starts_with BOOL, ?column? BOOL = 42|{a,b,c}|t|f|t|f",
    ),
    (
        "select regexp_matches('a1b22', '([a-z])(\\d+)', 'g')",
        "regexp_matches TEXT[] = {a,1} / {b,22}",
    ),
    (
        "select a = '{1,2}', a <> '{1,2}', '{\"b c\"}' = t from (values (array[1, 2], array['b c'])) x(a, t)",
        "?column? BOOL, ?column? BOOL, ?column? BOOL = t|f|t",
    ),
    ("select array[1] = 'x'", "error 22"),
    ("select array[1] = '{x}'", "error 22"),
    ("show timezone", "TimeZone TEXT = UTC"),
    ("SHOW TIME ZONE", "TimeZone TEXT = UTC"),
    ("show DATESTYLE", "DateStyle TEXT = ISO, MDY"),
    ("show client_encoding", "client_encoding TEXT = UTF8"),
    (
        "select pg_typeof(1), pg_typeof(3000000000), pg_typeof(1.5), pg_typeof(1::float8), pg_typeof('a'::text), pg_typeof(sum(1)), pg_typeof(avg(1)), pg_typeof(array[1])",
        "pg_typeof REGTYPE, pg_typeof REGTYPE, pg_typeof REGTYPE, pg_typeof REGTYPE, pg_typeof REGTYPE, pg_typeof REGTYPE, pg_typeof REGTYPE, pg_typeof REGTYPE = integer|bigint|numeric|double precision|text|bigint|numeric|integer[]",
    ),
    (
        "select row_number() over (order by x), rank() over (order by x), ntile(2) over (order by x) from (values (1), (1), (2)) t(x) order by 1",
        "row_number INT8, rank INT8, ntile INT4 = 1|1|1 / 2|1|1 / 3|3|2",
    ),
    (
        "select x as a, x, x as a from (values (1)) t(x)",
        "a INT4, x INT4, a INT4 = 1|1|1",
    ),
    (
        "select t.x, u.x from (values (1)) t(x), (values (2)) u(x)",
        "x INT4, x INT4 = 1|2",
    ),
    (
        "select count from (select count(*) from (values (1), (2)) t(x)) s",
        "count INT8 = 2",
    ),
    (
        "select x, count(*) from (values ('a'), ('b'), ('b')) t(x) group by x order by count desc",
        "x TEXT, count INT8 = b|2 / a|1",
    ),
    (
        "select 99999999999999999999, 1e3, 1e-3, 12345678901, -0.0",
        "?column? NUMERIC, ?column? NUMERIC, ?column? NUMERIC, ?column? INT8, ?column? NUMERIC = 99999999999999999999|1000|0.001|12345678901|0.0",
    ),
    (
        "select rank() over (order by count(*) desc) as r, x from (values ('b'), ('a'), ('c'), ('c')) t(x) group by x order by 1, 2",
        "r INT8, x TEXT = 1|c / 2|a / 2|b",
    ),
    (
        "select true, 'a', null, interval '1 day', date '2026-01-02', (select 5), exists (select 1), 1 is null, (array[7, 8])[2]",
        "?column? BOOL, ?column? TEXT, ?column? TEXT, interval INTERVAL, date DATE, ?column? INT4, exists BOOL, ?column? BOOL, array INT4 = t|a|∅|1 day|2026-01-02|5|t|f|8",
    ),
    ("select 5 where 1.0 = 1 and 2.50 in (2.5, 3)", "?column? INT4 = 5"),
    (
        "select x from (values (2.50), (2.5), (10)) t(x) group by x order by x",
        "x NUMERIC = 2.50 / 10",
    ),
    (
        "select upper('x'), length('abc'), left('abc', 2), substr('abc', 2), position('b' in 'abc'), trim('  a ')",
        "upper TEXT, length INT4, left TEXT, substr TEXT, position INT4, btrim TEXT = X|3|ab|bc|2|a",
    ),
    (
        "select sum(x), count(distinct y) from (values (1, 'a'), (2, 'a'), (4, 'b')) t(x, y)",
        "sum INT8, count INT8 = 7|2",
    ),
    (
        "select x, round(x, 1 + 1), round(2.345, -1), trunc(x, 1) from (values (2.345)) t(x)",
        "x NUMERIC, round NUMERIC, round NUMERIC, trunc NUMERIC = 2.345|2.35|0|2.3",
    ),
    (
        "select json_build_object('a', 1, 'b', null), jsonb_build_object('a', 1.50, 'b', null), json_build_object(), json_build_array(1, 'x', null), jsonb_build_array(1, 'x')",
        "json_build_object JSON, jsonb_build_object JSONB, json_build_object JSON, json_build_array JSON, jsonb_build_array JSONB = {\"a\" : 1, \"b\" : null}|{\"a\": 1.50, \"b\": null}|{}|[1, \"x\", null]|[1, \"x\"]",
    ),
    (
        "select '{\"b\":1,\"a\":{\"x\":[1,  2.50]},\"b\":2,\"aa\":1e2,\"z\":-0}'::jsonb, '{\"a\": [1,  2] }'::json, json '[ 1]', cast('{\"k\":\"ü\\u00e9\"}' as jsonb)",
        "jsonb JSONB, json JSON, json JSON, jsonb JSONB = {\"a\": {\"x\": [1, 2.50]}, \"b\": 2, \"z\": 0, \"aa\": 100}|{\"a\": [1,  2] }|[ 1]|{\"k\": \"üé\"}",
    ),
    (
        "select '{\"a\": [1,  2] }'::json -> 'a', '{\"a\": \"x\\ty\"}'::json ->> 'a', '{\"a\": null}'::json ->> 'a', '{\"a\":null}'::json -> 'a', '{\"a\":1}'::jsonb -> 'b'",
        "?column? JSON, ?column? TEXT, ?column? TEXT, ?column? JSON, ?column? JSONB = [1,  2]|x	y|∅|null|∅",
    ),
    (
        "select '[1,2,3]'::json -> -1, '[1,2,3]'::jsonb ->> 5, '{\"a\":[1,{\"b\":2}]}'::json #> '{a,1,b}', '{\"a\":[1,{\"b\":2}]}'::jsonb #>> array['a','1'], '{\"a\":[1,2]}'::jsonb -> 'a' -> 0",
        "?column? JSON, ?column? TEXT, ?column? JSON, ?column? TEXT, ?column? JSONB = 3|∅|2|{\"b\": 2}|1",
    ),
    (
        "select to_json(array[1,2]), to_json('a\"b'::text), to_jsonb('x'::text), to_json(array['a',null]), to_jsonb(array[1,2]), to_json(1.50), to_json(true), to_json(1e20::float8), to_jsonb(1e20::float8)",
        "to_json JSON, to_json JSON, to_jsonb JSONB, to_json JSON, to_jsonb JSONB, to_json JSON, to_json JSON, to_json JSON, to_jsonb JSONB = [1,2]|\"a\\\"b\"|\"x\"|[\"a\",null]|[1, 2]|1.50|true|1e+20|100000000000000000000",
    ),
    (
        "select to_json(date '2026-01-01'), to_json(timestamp '2026-01-01 10:00'), to_json(timestamptz '2026-01-01 10:00+05:30'), array_to_json(array[1,2]), to_json(null::int)",
        "to_json JSON, to_json JSON, to_json JSON, array_to_json JSON, to_json JSON = \"2026-01-01\"|\"2026-01-01T10:00:00\"|\"2026-01-01T04:30:00+00:00\"|[1,2]|∅",
    ),
    (
        "select json_agg(x order by x), jsonb_agg(x order by x desc), json_agg(x order by x) filter (where x > 1) as few from (values (1), (2), (3)) t(x)",
        "json_agg JSON, jsonb_agg JSONB, few JSON = [1, 2, 3]|[3, 2, 1]|[2, 3]",
    ),
    (
        "select json_object_agg(k, v order by k), jsonb_object_agg(k, v) from (values ('b', 1), ('a', 2)) t(k, v)",
        "json_object_agg JSON, jsonb_object_agg JSONB = { \"a\" : 2, \"b\" : 1 }|{\"a\": 2, \"b\": 1}",
    ),
    (
        "select k, json_agg(v order by v) from (values ('a', 1), ('b', null), ('a', 2)) t(k, v) group by k order by k",
        "k TEXT, json_agg JSON = a|[1, 2] / b|[null]",
    ),
    (
        "select json_agg(x) from (values (1)) t(x) where x > 1",
        "json_agg JSON = ∅",
    ),
    (
        "select jsonb_build_object('n', count(*)) as x from (values (1), (2)) t(a)",
        "x JSONB = {\"n\": 2}",
    ),
    (
        "select json_array_length('[1,2]'), jsonb_array_length('[]'), jsonb_typeof('1'), json_typeof('{}'), jsonb_typeof('null')",
        "json_array_length INT4, jsonb_array_length INT4, jsonb_typeof TEXT, json_typeof TEXT, jsonb_typeof TEXT = 2|0|number|object|null",
    ),
    (
        "select '{\"a\":1,\"b\":2}'::jsonb @> '{\"b\":2.0}', '[1,[2,3]]'::jsonb @> '[[3]]', '[\"x\"]'::jsonb @> '\"x\"', '{\"a\":1}'::jsonb <@ '{\"a\":1,\"b\":2}'",
        "?column? BOOL, ?column? BOOL, ?column? BOOL, ?column? BOOL = t|t|t|t",
    ),
    (
        "select '{\"a\":1}'::jsonb ? 'a', '[\"a\"]'::jsonb ? 'b', '{\"a\":1}'::jsonb ?| array['b','a'], '{\"a\":1}'::jsonb ?& array['b','a']",
        "?column? BOOL, ?column? BOOL, ?column? BOOL, ?column? BOOL = t|f|t|f",
    ),
    (
        "select '{\"a\":1.0}'::jsonb = '{\"a\":1}', '{\"a\":1}'::jsonb <> '{\"a\":2}', '{\"a\":1}'::jsonb || '{\"b\":2}', '[1]'::jsonb || '2', '{\"a\":1}'::json || 'x'",
        "?column? BOOL, ?column? BOOL, ?column? JSONB, ?column? JSONB, ?column? TEXT = t|t|{\"a\": 1, \"b\": 2}|[1, 2]|{\"a\":1}x",
    ),
    (
        "select json_extract_path_text('{\"a\":{\"b\":\"x\"}}', 'a', 'b'), json_extract_path('{\"a\":{\"b\":\"x\"}}', 'a')",
        "json_extract_path_text TEXT, json_extract_path JSON = x|{\"b\":\"x\"}",
    ),
    (
        "select value from json_array_elements('[1,\"a\",null]')",
        "value JSON = 1 / \"a\" / null",
    ),
    (
        "select value, value ->> 'a' from jsonb_array_elements('[{\"a\":1},{\"a\":\"x\"}]') e",
        "value JSONB, ?column? TEXT = {\"a\": 1}|1 / {\"a\": \"x\"}|x",
    ),
    (
        "select json_object_keys('{\"b\":1,\"a\":2}')",
        "json_object_keys TEXT = b / a",
    ),
    (
        "select j ->> 'a' as a, count(*) from (values ('{\"a\":\"x\"}'::jsonb), ('{\"a\":\"y\"}'::jsonb), ('{\"a\":\"x\"}'::jsonb)) t(j) group by j ->> 'a' order by 1",
        "a TEXT, count INT8 = x|2 / y|1",
    ),
    (
        "select j from (values ('{\"a\":1}'::jsonb), (null)) t(j) where j is not null",
        "j JSONB = {\"a\": 1}",
    ),
    (
        "select '{\"a\":1}'::json::text, '{\"a\":1}'::json::jsonb, '{\"a\":1}'::jsonb::text",
        "text TEXT, jsonb JSONB, text TEXT = {\"a\":1}|{\"a\": 1}|{\"a\": 1}",
    ),
    ("select '{\"a\":1}'::json = '{\"a\":1}'::json", "error 42"),
    ("select distinct '{\"a\":1}'::json", "error 42"),
    ("select json_build_object('a')", "error 22"),
    ("select json_build_object(null, 1)", "error 22"),
    ("select 'x'::json", "error 22"),
    ("select '{\"a\":1,}'::jsonb", "error 22"),
    ("select json_array_length('1')", "error 22"),
    ("select 1::json", "error 42"),
    ("select json_object_agg(null, 1)", "error 22"),
    ("select max('{}'::jsonb)", "error 42"),
    (
        "select t from (values (1, 'x y', null::int, true)) t(a, b, c, d)",
        "t RECORD = (1,\"x y\",,t)",
    ),
    (
        "select row_to_json(t), to_jsonb(t) from (values (1, 'x y', null::int)) t(a, b, c)",
        "row_to_json JSON, to_jsonb JSONB = {\"a\":1,\"b\":\"x y\",\"c\":null}|{\"a\": 1, \"b\": \"x y\", \"c\": null}",
    ),
    (
        "select json_agg(t order by a) from (values (1, 'x'), (2, null)) t(a, b)",
        "json_agg JSON = [{\"a\":1,\"b\":\"x\"}, \n {\"a\":2,\"b\":null}]",
    ),
    ("select count(t) from (values (1), (2)) t(a)", "count INT8 = 2"),
    (
        "select row_to_json(row(1, 'a')), row(1, 'a b', null)",
        "row_to_json JSON, row RECORD = {\"f1\":1,\"f2\":\"a\"}|(1,\"a b\",)",
    ),
    (
        "select (1, 2) = (1, 2), (1, 2) < (1, 3), (2, 1) <= (1, 3), (1, null) = (2, 1), (1, null) = (1, 1), (1, 2) <> (1, 3)",
        "?column? BOOL, ?column? BOOL, ?column? BOOL, ?column? BOOL, ?column? BOOL, ?column? BOOL = t|t|f|f|∅|t",
    ),
    (
        "select a, b from (values (1, 'x'), (2, 'y'), (3, 'z')) t(a, b) where (a, b) in ((1, 'x'), (3, 'y')) order by a",
        "a INT4, b TEXT = 1|x",
    ),
    (
        "select a, b from (values (1, 'x'), (2, 'y')) t(a, b) where (a, b) not in ((1, 'x')) order by a",
        "a INT4, b TEXT = 2|y",
    ),
    (
        "select a from (values (1, 'x'), (2, 'y'), (3, null)) t(a, b) where (a, b) in (select c, d from (values (2, 'y'), (3, 'z')) u(c, d)) order by a",
        "a INT4 = 2",
    ),
    (
        "select a from (values (1, 'x'), (2, 'y'), (3, null)) t(a, b) where (a, b) not in (select c, d from (values (2, 'y'), (3, 'z')) u(c, d)) order by a",
        "a INT4 = 1",
    ),
    (
        "select a from (values (1, 2), (2, 1), (1, 3)) t(a, b) where (a, b) > (1, 2) order by a, b",
        "a INT4 = 1 / 2",
    ),
    (
        "select e ->> 'a' from jsonb_array_elements('[{\"a\":1},{\"a\":\"x\"}]') e",
        "?column? TEXT = 1 / x",
    ),
    ("select (1, 2) = (1, 2, 3)", "error 42"),
    (
        "select trim(both from ' x '), trim(leading 'x' from 'xxy'), trim('xy' from 'xyzyx'), trim(trailing from 'x '), trim(both 'x' from 'xax')",
        "btrim TEXT, ltrim TEXT, btrim TEXT, rtrim TEXT, btrim TEXT = x|y|z|x|a",
    ),
    (
        "select trim(' x ', 'x '), trim(from ' y '), timeofday() is null, pg_typeof('a')",
        "btrim TEXT, btrim TEXT, ?column? BOOL, pg_typeof REGTYPE = |y|f|unknown",
    ),
    (
        "select t from (select pg_typeof(x) as t from (values (1.5)) v(x)) s group by t order by 1",
        "t REGTYPE = numeric",
    ),
    (
        "select count(*), pg_typeof(max(x))::text from (values (1), (2)) t(x) where pg_typeof(x)::text = 'integer'",
        "count INT8, pg_typeof TEXT = 2|integer",
    ),
    ("select x from generate_series(1, 3) as t(x)", "x INT4 = 1 / 2 / 3"),
    (
        "select x, x * 2 as y from generate_series(3, 1, -1) as x order by x desc",
        "x INT4, y INT4 = 3|6 / 2|4 / 1|2",
    ),
    (
        "select max(x), sum(x) from generate_series(1, 3000000000, 1000000000) as x",
        "max INT8, sum NUMERIC = 2000000001|3000000003",
    ),
    ("select x * 2000000000 from generate_series(1, 2) x", "error 22"),
    ("select x from generate_series(1, 3, 0) x", "error 22"),
    (
        "select x from generate_series(2147483646, 2147483647) x",
        "x INT4 = 2147483646 / 2147483647",
    ),
    (
        "select count(*) from generate_series(1, 3) x where x < 5000000000",
        "count INT8 = 3",
    ),
    (
        "select sum(x), max(x), max(x * 2000000000) from generate_series(1::bigint, 3) as x",
        "sum NUMERIC, max INT8, max INT8 = 6|3|6000000000",
    ),
    (
        "select x, n from generate_series(5, 3, -1) with ordinality as t(x, n) order by n",
        "x INT4, n INT8 = 5|1 / 4|2 / 3|3",
    ),
    (
        "select i from (select generate_series(2::bigint, 3) as i) s order by i",
        "i INT8 = 2 / 3",
    ),
    ("select 1 as a union all select 2.5 order by a", "a NUMERIC = 1 / 2.5"),
    (
        "select null as a, 1 as b union all select 'x', 2.5 order by b",
        "a TEXT, b NUMERIC = ∅|1 / x|2.5",
    ),
    (
        "select a + 1 from (select 1 as a union all select 2.5) s order by 1",
        "?column? NUMERIC = 2 / 3.5",
    ),
    (
        "select 1::smallint union all select 2::bigint order by 1",
        "int2 INT8 = 1 / 2",
    ),
    (
        "select date '2026-01-01' union all select timestamp '2026-01-02 10:00' order by 1",
        "date TIMESTAMP = 2026-01-01 00:00:00 / 2026-01-02 10:00:00",
    ),
    (
        "select case when false then 1 else 2.5 end, case when true then null else 'a' end",
        "case NUMERIC, case TEXT = 2.5|∅",
    ),
    (
        "select count(*) from (values (1), (2), (3)) v(x) where x >= all (select x from (values (2), (3)) v(x))",
        "count INT8 = 1",
    ),
    (
        "select v.x from (values (1), (2), (3)) v(x) where v.x < any (select v.x from (values (2)) v(x))",
        "x INT4 = 1",
    ),
    (
        "select v.x from (values (1), (2), (null)) v(x) where v.x = any (select v.x from (values (2), (5)) v(x)) or v.x <> all (select v.x from (values (2), (5)) v(x)) order by 1",
        "x INT4 = 1 / 2",
    ),
    (
        "select -2 ^ 2, 3 - 2 ^ 2, -(2 ^ 2), -x ^ 2, |/ 16, ||/ 27, @ -5, ~5 from (values (3)) v(x)",
        "?column? FLOAT8, ?column? FLOAT8, ?column? FLOAT8, ?column? FLOAT8, ?column? FLOAT8, ?column? FLOAT8, ?column? INT4, ?column? INT4 = 4|-1|-4|9|4|3.0000000000000004|5|-6",
    ),
    (
        "select 'a%c' like 'a!%c' escape '!', 'abc' like 'a!%c' escape '!', 'A_b' ilike 'a#_B' escape '#', 'a\\b' like 'a\\b' escape ''",
        "?column? BOOL, ?column? BOOL, ?column? BOOL, ?column? BOOL = t|f|t|t",
    ),
    (
        "select (array[1, 2, 3])[-1], (array[1, 2, 3])[:2], (array[1, 2, 3])[2:], (array[1, 2, 3])[-1:2], (array[1, 2, 3])[x - 3] from (values (1)) v(x)",
        "array INT4, array INT4[], array INT4[], array INT4[], array INT4 = ∅|{1,2}|{2,3}|{1,2}|∅",
    ),
    (
        "select array_replace(array[1, 2, 1], 1, 9), array_dims(array[1, 2, 3])",
        "array_replace INT4[], array_dims TEXT = {9,2,9}|[1:3]",
    ),
    (
        "select array(select x from (values (2), (1), (3)) v(x) where x > 1 order by x desc), array(select x from (values (1)) v(x) where x > 5)",
        "array INT4[], array INT4[] = {3,2}|{}",
    ),
    (
        "select concat('a', null, 1, true), concat_ws(',', true, 1.50, null, array['a', 'b c'], 1e20::float8), format('%s', false)",
        "concat TEXT, concat_ws TEXT, format TEXT = a1t|t,1.50,{a,\"b c\"},1e+20|f",
    ),
    (
        "select 'अ' ~ '^[[:alpha:]]+$', 'É' ~ '[[:upper:]]', '१' ~ '\\d', 'नमस्ते' ~ '^\\w+$', E'a\\nb' ~ 'a.b', '।' ~ '[[:punct:]]'",
        "?column? BOOL, ?column? BOOL, ?column? BOOL, ?column? BOOL, ?column? BOOL, ?column? BOOL = t|t|f|f|t|t",
    ),
    (
        "select regexp_replace('abc', 'b', '$0'), regexp_replace('abc', '(b)', '[\\1]'), regexp_replace('abc', 'b', '\\&\\&'), regexp_replace('foo bar', '\\mb', 'B'), regexp_replace('aXbX', 'x', '-', 'gi')",
        "regexp_replace TEXT, regexp_replace TEXT, regexp_replace TEXT, regexp_replace TEXT, regexp_replace TEXT = a$0c|a[b]c|abbc|foo Bar|a-b-",
    ),
    (
        "select regexp_match('2026-11', '(\\d+)-(\\d+)-?(\\d+)?'), regexp_match('x', 'y'), regexp_match('foo bar', '\\ybar\\y'), regexp_substr('a12b', '\\d+')",
        "regexp_match TEXT[], regexp_match TEXT[], regexp_match TEXT[], regexp_substr TEXT = {2026,11,NULL}|∅|{bar}|12",
    ),
    (
        "select '\\x4142'::bytea, 'a\\\\b\\101'::bytea, length('\\x4142'::bytea), encode('\\x4142'::bytea, 'hex')",
        "bytea BYTEA, bytea BYTEA, length INT4, encode TEXT = \\x4142|\\x615c6241|2|4142",
    ),
    (
        "select ln(1), log(1000), exp(0), asin(0)",
        "ln FLOAT8, log FLOAT8, exp FLOAT8, asin FLOAT8 = 0|3|1|0",
    ),
    ("select ln(0)", "error 22"),
    ("select log(-1)", "error 22"),
    ("select exp(1000)", "error 22"),
    ("select acos(2)", "error 22"),
    ("select 1::date", "error 42"),
    ("select x::timestamp from (values (1)) v(x)", "error 42"),
    ("select 'a' 'b'", "error 42"),
    (
        "select coalesce(json_agg(x), '[]'), coalesce(jsonb_agg(x) filter (where x > 5), '[]') from (values (1)) v(x)",
        "coalesce JSON, coalesce JSONB = [1]|[]",
    ),
    (
        "select w, n from regexp_split_to_table('x-y', '-') with ordinality as t(w, n)",
        "w TEXT, n INT8 = x|1 / y|2",
    ),
    (
        "select m from regexp_matches('a1b22', '([a-z])(\\d+)', 'g') m",
        "m TEXT[] = {a,1} / {b,22}",
    ),
    (
        "select string_agg(w, '|') from string_to_table('a,b', ',') w",
        "string_agg TEXT = a|b",
    ),
    (
        "select v.x, (select w.y from (values (1, 'one'), (2, 'two')) w(x, y) where w.x = v.x) from (values (1), (3)) v(x) order by 1",
        "x INT4, y TEXT = 1|one / 3|∅",
    ),
    (
        "select v.x, s.b, r.c from (values (1), (2)) v(x), lateral (select v.x * 10 as b) s, lateral (select s.b + v.x as c) r order by 1",
        "x INT4, b INT4, c INT4 = 1|10|11 / 2|20|22",
    ),
    (
        "select v.x, s.kind, s.n from (values (1), (2)) v(x) cross join lateral (values ('once', v.x), ('twice', v.x * 2)) s(kind, n) order by 1, 2",
        "x INT4, kind TEXT, n INT4 = 1|once|1 / 1|twice|2 / 2|once|2 / 2|twice|4",
    ),
    (
        "select sum(case when x > 1 then 1 else 0.0 end) as s from (values (1), (2)) v(x)",
        "s NUMERIC = 1.0",
    ),
    (
        "select array['a'] || '{b,c}', '{1}' || array[2], array[1] || 2",
        "?column? TEXT[], ?column? INT4[], ?column? INT4[] = {a,b,c}|{1,2}|{1,2}",
    ),
    (
        "select max(v) over w - min(v) over w as spread from (values (1), (4), (9)) t(v) window w as (order by v rows between 1 preceding and 1 following) order by 1",
        "spread INT4 = 3 / 5 / 8",
    ),
    (
        "select x from (values (1)) v(x) where row_number() over () = 1",
        "error 42",
    ),
    (
        "with recursive t(n, s) as (select 1, 1.0::numeric(20, 5) union all select n + 1, (s * 1.5)::numeric(20, 5) from t where n < 4) select n, s from t order by 1",
        "n INT4, s NUMERIC = 1|1.00000 / 2|1.50000 / 3|2.25000 / 4|3.37500",
    ),
    (
        "with recursive t(n) as (select 1 union all select n + 0.5 from t where n < 2) select n from t",
        "error 42",
    ),
    (
        "select v.d, (select count(*) from (values (timestamp '2026-01-01 10:00'), (timestamp '2026-01-01 12:00')) e(t) where e.t::date = v.d) from (values (date '2026-01-01'), (date '2026-01-02')) v(d) order by 1",
        "d DATE, count INT8 = 2026-01-01|2 / 2026-01-02|0",
    ),
    (
        "select 'a' is distinct from 'b' and false, true or null::text is distinct from 'x' and false",
        "?column? BOOL, ?column? BOOL = f|t",
    ),
    (
        "select n, a is distinct from b and c as d, a is not distinct from b or c as e, not a is distinct from b and c as f, c and a is distinct from b or c as g, b or a is distinct from c and b as h, a = not b is distinct from c or c as i from (values (1, true, false, false), (2, true, true, true), (3, null, false, true), (4, false, true, false)) t(n, a, b, c) order by n",
        "n INT4, d BOOL, e BOOL, f BOOL, g BOOL, h BOOL, i BOOL = 1|f|f|f|f|f|t / 2|f|t|t|t|t|t / 3|t|t|f|t|f|t / 4|f|f|f|f|t|t",
    ),
    (
        "select x from (values ('a', true), ('b', false), ('t1', true), (null, true)) v(x, known) where x is distinct from 't1' and known order by 1",
        "x TEXT = a / ∅",
    ),
    (
        "select count(*) filter (where x is not distinct from 1 or x > 2) from (values (1), (2), (3), (null)) v(x)",
        "count INT8 = 2",
    ),
    (
        "select @ -5 + 3, |/ 16 + 9, ~1 + 1, 2 * ~1 - 1, @ -5 * 2 + 1, (@ -5) + 3",
        "?column? INT4, ?column? FLOAT8, ?column? INT4, ?column? INT4, ?column? INT4, ?column? INT4 = 2|5|-3|-2|9|8",
    ),
];

#[test]
fn statements_are_answered_as_postgresql_answers_them() {
    let endpoint = EndpointSetup::over(TestExports::small())
        .user("asha", "all_tenants = true")
        .start();
    let mut connection = endpoint.connect("asha").expect("connected");
    let mut differences = Vec::new();
    for (sql, expected) in ANSWERS {
        let rows = endpoint.runtime.block_on(async {
            sqlx::Executor::fetch_all(&mut connection, sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))).await
        });
        let answer = match rows {
            Ok(rows) => {
                let columns = rows[0].columns().iter();
                let columns: Vec<String> = columns
                    .map(|column| format!("{} {}", column.name(), kind(column.type_info())))
                    .collect();
                let rows: Vec<String> = rows
                    .iter()
                    .map(|row| crate::running_endpoint::texts(row).join("|"))
                    .collect();
                format!("{} = {}", columns.join(", "), rows.join(" / "))
            }
            Err(error) => {
                let code = error
                    .as_database_error()
                    .and_then(|error| error.code().map(|code| code.into_owned()));
                let code = code.unwrap_or_else(|| error.to_string());
                format!("error {}", &code[..2])
            }
        };
        if !is_same(&answer, expected) {
            differences.push(format!("{sql}\n  PostgreSQL: {expected}\n  here:       {answer}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The same columns and values. A column of numerics has one number of decimals here: 10.00 beside 2.50 is 10.
fn is_same(one: &str, other: &str) -> bool {
    let parts = |text: &str| -> Vec<String> { text.split(['|', ' ', '{', '}', ',']).map(str::to_owned).collect() };
    let (one, other) = (parts(one), parts(other));
    one.len() == other.len()
        && one.iter().zip(&other).all(|(one, other)| {
            one == other
                || match (one.parse::<f64>(), other.parse::<f64>()) {
                    (Ok(one), Ok(other)) => (one - other).abs() <= 1e-12 * one.abs().max(other.abs()),
                    _ => false,
                }
        })
}

/// Clients take these types alike.
fn kind(told: &PgTypeInfo) -> &str {
    match told.name() {
        // The driver has no name for it.
        _ if told.oid() == Some(Oid(2206)) => "REGTYPE",
        "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN" => "TEXT",
        name => name,
    }
}
