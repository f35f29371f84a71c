-- The tables that `grafana-sql.json` reads, for any PostgreSQL; README.md says how a night's output gets into them.
-- The columns of the ratio's tables are those of the CSV files of `pragati nightly`, in their order.
create table if not exists download_ratio (
    level text not null,
    course_id text,
    tenant_id text,
    time_window text not null,
    downloads bigint not null,
    batches bigint not null,
    download_ratio double precision,
    batches_downloaded bigint,
    coverage double precision,
    requests bigint,
    delivered bigint,
    window_start date,
    window_end date not null,
    as_of date not null,
    revision bigint,
    sent_by_subscription bigint
);
-- Tables from before this column get it here.
alter table download_ratio add column if not exists sent_by_subscription bigint;
create table if not exists download_ratio_by_day (like download_ratio including all);
alter table download_ratio_by_day add column if not exists sent_by_subscription bigint;
-- What people call courses and tenants. The dashboard shows ids alone where these are empty.
create table if not exists courses (course_id text primary key, course_name text);
create table if not exists tenants (tenant_id text primary key, tenant_name text);
