-- Another PostgreSQL reads the endpoint as foreign tables. The connection's parts are variables of psql: host, port, user, password.
\set ON_ERROR_STOP 1
begin;
create extension postgres_fdw;
create server endpoint foreign data wrapper postgres_fdw options (host :'host', port :'port', dbname 'pragati');
create user mapping for current_user server endpoint options (user :'user', password :'password');
import foreign schema public limit to (users, enrolments, batches, course_progress_report) from server endpoint into public;
select case when count(*) = 300 then 'ok' else 'FAILED' end || ' rows' from users;
select case when count(*) > 1000 then 'ok' else 'FAILED' end || ' joins' from enrolments join users using (user_id);
select case when count(*) = 5 then 'ok' else 'FAILED' end || ' limits' from (select * from users order by user_id limit 5) u;
select case when sum(n) = 300 then 'ok' else 'FAILED' end || ' groups' from (select tenant_id, count(*) n from users group by 1) g;
rollback;
