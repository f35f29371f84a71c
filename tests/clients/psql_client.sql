-- What an analyst types at psql, one command after another; an error ends it.
-- usage: psql -X -v ON_ERROR_STOP=1 -f psql_client.sql
\conninfo
\encoding
\l
\dn
\dn+
\dt
\dt+
\dt users
\dt public.*
\dv
\d
\d users
\d+ users
\d batches
\d download_ratio_by_course
\d+ download_ratio_by_course
\d public.course_progress
\du
\df
\dT
\dx
\sv download_ratio_by_course
\timing on
\timing off
\x on
select * from users order by user_id limit 1;
\x off
\pset null '(null)'
select batch_id, mentors, start_date from batches order by batch_id limit 3;
\pset format csv
select active, count(*) from enrolments group by active order by active;
\pset format aligned
select count(*) as users from users \gset
\echo :users
select 'select ' || 1 \gexec
select 1 \; select 2;
select start_date from batches order by 1 limit 1 \gdesc
\set FETCH_COUNT 1000
select count(*) from (select x from generate_series(1, 10) g(x)) s;
select x from generate_series(1, 5000) g(x) \g /dev/null
\unset FETCH_COUNT
begin;
select 1;
\echo in a transaction
rollback;
explain select * from users;
show server_version;
set statement_timeout = '5s';
show statement_timeout;
reset statement_timeout;
