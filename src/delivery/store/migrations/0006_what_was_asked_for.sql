-- A request may be for further batches, for some rows, and in parts.

-- JSON, and a digest of it; null and empty where one batch's whole report was asked for.
alter table requests add column asked text;
alter table requests add column asked_digest text not null default '';

drop index one_open_request;
create unique index one_open_request on requests (user_id, batch_id, format, deliver, asked_digest)
    where status in ('queued', 'running');

-- A click on several batches is an event of each; the first one counts for how often a person may click.
alter table events add column is_further bigint not null default 0 check (is_further in (0, 1));

-- A report of several batches is handed over once for each.
drop index one_delivery_of_request;
create unique index one_delivery_of_request on events (request_id, batch_id) where kind <> 'click';
