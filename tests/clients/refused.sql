-- What the endpoint must refuse, one statement a line; refused.py sends each, simple and prepared.
-- A line `-- states: …` says with which SQLSTATEs the statements below it must fail.

-- states: 42501 0A000
-- Files of the server, and streams.
copy users to '/tmp/users.csv'
copy (select * from users) to '/tmp/users.csv'
COPY (SELECT 1) TO '/tmp/one.csv' WITH (FORMAT csv)
copy users to program 'cat > /tmp/users.csv'
copy users from program 'cat /etc/passwd'
copy users from '/etc/passwd'
copy users from stdin
copy (delete from users returning *) to stdout
/* a comment */ copy users to '/tmp/users.csv'
explain analyze copy users to '/tmp/users.csv'
explain analyze verbose copy (select 1) to '/tmp/one.parquet'
create external table if not exists mine stored as parquet location 's3://bucket/'

-- Definitions.
create table mine as select * from users
create table mine (x int)
create temporary table mine (x int)
create temp table mine as select 1
select * into mine from users
select user_id into temporary mine from users
create view mine as select * from users
create or replace view download_ratio_by_course as select 1
create materialized view mine as select 1
create schema mine
alter table users add column mine int
alter table users rename to people
drop table users
drop table if exists users
drop view download_ratio_by_course
drop schema public cascade

-- Data.
insert into users (user_id) values ('mine')
insert into users select * from users
insert into users (user_id) values ('mine') returning user_id
update users set email = ''
update users set email = '' where user_id = 'none' returning *
delete from users
delete from users where user_id = 'none'
truncate users
truncate table users
with gone as (delete from users returning *) select * from gone
with added as (insert into users (user_id) values ('mine') returning *) select count(*) from added
with changed as (update users set email = '' returning *) select * from changed
explain delete from users
explain analyze delete from users
explain analyze insert into users (user_id) values ('mine')
explain analyze create table mine as select 1
select * from users for update

-- Statements that hide such.
prepare mine as delete from users
prepare mine as insert into users (user_id) values ('mine')

-- The server, other sessions, other users.
set role postgres
set session authorization postgres
set local role postgres
set datafusion.runtime.memory_limit = '100G'
set datafusion.runtime.temp_directory = '/tmp'
set datafusion.execution.target_partitions = 64
set datafusion.catalog.information_schema = false
SET datafusion.sql_parser.dialect = 'mysql'
set local datafusion.execution.batch_size = 1
reset datafusion.runtime.memory_limit

-- states: 42501 0A000 42601
-- Statements that a parser need not know.
explain copy users to '/tmp/users.csv'
unload ('select * from users') to 's3://bucket/users'
create unbounded external table endless (x int) stored as csv location '/dev/stdin'
create database mine
create index mine on users (user_id)
create function mine() returns int language sql as 'select 1'
create function mine(int) returns int return $1 + 1
create extension dblink
create role mine
create user mine password 'mine'
create sequence mine
create type mine as enum ('a')
create server mine foreign data wrapper postgres_fdw
alter user reader password 'mine'
alter system set log_statement = 'all'
alter database pragati set work_mem = '1GB'
drop function abs
comment on table users is 'mine'
refresh materialized view download_ratio_by_course
import foreign schema public from server mine into public
security label on table users is 'mine'
reassign owned by reader to postgres
insert overwrite users select * from users
merge into users u using batches b on u.user_id = b.created_by when matched then delete
select * from users for share
lock table users
prepare mine as copy users to '/tmp/users.csv'
prepare mine as drop table users
declare mine cursor for delete from users returning *
declare mine cursor for insert into users (user_id) values ('mine') returning *
do $$ begin delete from users; end $$
call mine()
explain prepare mine as delete from users
grant select on users to public
grant all on all tables in schema public to public
revoke select on users from public
load 'auto_explain'
vacuum
vacuum full users
analyze users
reindex table users
cluster users
checkpoint
listen mine
notify mine, 'text'
prepare transaction 'mine'
commit prepared 'mine'
attach database '/tmp/mine.db' as mine
install httpfs
use other
cache table users
kill 1
pragma database_list

-- Several statements at once: refused as simple queries, and no prepared statement has several.
select 1; drop table users
select 1; select 2; delete from users
select 'a;b'; copy users to '/tmp/users.csv'
begin; drop table users; commit
; drop table users
/* ; */ drop table users; select 1
select 1 /* ; drop table users */; drop view download_ratio_by_course
set application_name = 'x'; set datafusion.runtime.memory_limit = '100G'
explain select 1; drop table users
declare mine cursor for select 1; delete from users

-- states: 42501 0A000 42P01 42883 42601 42704 3F000 22023
-- Files as tables, and functions that reach out: refused, or not there at all.
select * from '/etc/passwd'
select * from "/etc/passwd"
select * from 'users.parquet'
select * from '/tmp/users.csv'
select * from 's3://bucket/users.parquet'
select * from "http://127.0.0.1:1/users.csv"
select * from file.'/etc/passwd'
select * from read_csv('/etc/passwd')
select * from read_csv_auto('/etc/passwd')
select * from read_parquet('/tmp/users.parquet')
select * from read_json('/tmp/users.json')
select * from parquet_metadata('/tmp/users.parquet')
select * from read_text('/etc/passwd')
select * from glob('/etc/*')
select pg_read_file('/etc/passwd')
select pg_read_binary_file('/etc/passwd')
select pg_ls_dir('/')
select * from pg_ls_logdir()
select pg_stat_file('/etc/passwd')
select lo_import('/etc/passwd')
select lo_export(1, '/tmp/mine')
select lo_from_bytea(0, 'x')
select * from dblink('host=127.0.0.1', 'select 1') as t(x int)
select dblink_connect('host=127.0.0.1')
select query_to_xml('delete from users', true, true, '')
select pg_reload_conf()
select pg_rotate_logfile()
select pg_switch_wal()
select nextval('mine')
select set_config('role', 'postgres', false)
select set_config('session_authorization', 'postgres', false)
select set_config('datafusion.runtime.memory_limit', '100G', false)
select * from pg_authid
select * from pg_shadow
select load_extension('mine')
select getenv('PGPASSWORD')
select * from metadata_cache()
select * from statistics_cache()
select * from list_files_cache()

-- states: 42501 0A000 42601
-- DataFusion's own forms, which PostgreSQL's dialect does not know.
copy users to '/tmp/users.parquet' stored as parquet
create external table passwords (line text) stored as csv location '/etc/passwd'
