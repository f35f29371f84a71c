-- What the delivery service keeps. The same statements make it on SQLite and PostgreSQL.
-- Times are milliseconds since 1970 UTC; ids are UUIDs as text; words are those of src/delivery/request.rs.

-- One row: one request for a report, which is also the work on it.
create table requests (
    id text not null primary key,
    user_id text not null,
    email text,
    -- JSON
    roles text not null,
    batch_id text not null,
    course_id text,
    tenant_id text,
    format text not null,
    deliver text not null,
    status text not null check (status in ('queued', 'running', 'sent', 'ready', 'failed')),
    failure_cause text,
    failure_words text,
    notice text not null check (notice in ('none', 'due', 'sent', 'given_up')),
    requested_at bigint not null,
    deadline bigint not null,
    finished_at bigint,
    snapshot_date text not null,
    file_path text,
    file_name text,
    file_rows bigint,
    file_unknown_users bigint,
    file_bytes bigint,
    file_sha256 text,
    -- Times that a worker took it up.
    attempts bigint not null,
    -- Leases in a row that ran out instead of being given back.
    lost_leases bigint not null,
    handover_started_at bigint,
    -- When a worker may take it up next; while a lease runs, its end; null where nothing is to be done.
    due_at bigint,
    -- The process that works on it, and the one claim whose steps count.
    lease_owner text,
    lease_token text,
    constraint ended check ((status in ('sent', 'ready', 'failed')) = (finished_at is not null)),
    constraint told_why check ((status = 'failed') = (failure_cause is not null)),
    constraint notice_of_failure check (notice <> 'due' or status = 'failed'),
    constraint work_is_due check ((status in ('queued', 'running') or notice = 'due') = (due_at is not null)),
    constraint running_under_lease check (status <> 'running' or lease_token is not null),
    constraint lease_on_work check (lease_token is null or (due_at is not null and status <> 'queued'))
);

-- A second click on the same report while one is under way is the same request.
create unique index one_open_request on requests (user_id, batch_id, format, deliver)
    where status in ('queued', 'running');
create index requests_due on requests (due_at, id) where due_at is not null;
create index requests_of_user on requests (user_id, id);
create index requests_by_status on requests (status, id);
create index requests_ended on requests (finished_at) where finished_at is not null;
create index requests_of_file on requests (file_path) where file_path is not null;

-- One row: one accepted click, written as a telemetry event afterwards.
create table clicks (
    mid text not null primary key,
    request_id text not null references requests (id) on delete cascade,
    user_id text not null,
    batch_id text not null,
    course_id text,
    tenant_id text,
    idempotency_key text,
    clicked_at bigint not null,
    -- The file of events that a writer took it for; null where none did.
    event_file text,
    taken_at bigint,
    written_at bigint,
    constraint taken_for_a_file check ((event_file is null) = (taken_at is null)),
    constraint written_after_taken check (written_at is null or event_file is not null)
);

-- The same key of the same person is the same click.
create unique index one_click_of_key on clicks (user_id, idempotency_key) where idempotency_key is not null;
create index clicks_of_user on clicks (user_id, clicked_at);
create index clicks_to_write on clicks (clicked_at) where written_at is null;
create index clicks_of_file on clicks (event_file) where event_file is not null;
create index clicks_of_request on clicks (request_id);

-- One row: a report file that lies in the folder of report files, and when a request last named it.
create table report_files (
    path text not null primary key,
    noted_at bigint not null
);
