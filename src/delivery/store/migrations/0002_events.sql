-- Reports that were handed over are events too, beside the clicks.

-- One row: one accepted click, or one report handed over, written as a telemetry event afterwards.
alter table clicks rename to events;
alter table events rename column clicked_at to happened_at;
-- `sent` and `ready` are what the request became.
alter table events add column kind text not null default 'click' check (kind in ('click', 'sent', 'ready'));

-- A report is handed over once.
create unique index one_delivery_of_request on events (request_id) where kind <> 'click';
drop index clicks_of_user;
create index clicks_of_user on events (user_id, happened_at) where kind = 'click';
drop index clicks_to_write;
create index events_to_write on events (happened_at) where written_at is null;
drop index clicks_of_file;
create index events_of_file on events (event_file) where event_file is not null;
drop index clicks_of_request;
create index events_of_request on events (request_id);
