-- Subscriptions: reports that are mailed again and again, and the officers that admins approved for them.

-- One row: one subscription.
create table subscriptions (
    id text not null primary key,
    user_id text not null,
    email text,
    -- JSON; as the subscriber's login said last, at roles_at.
    roles text not null,
    roles_at bigint not null,
    -- One of the two: a batch, or a course, whose batches are looked up at each sending.
    batch_id text,
    course_id text,
    format text not null,
    -- JSON; null where the whole report is sent.
    asked text,
    every text not null check (every in ('daily', 'weekly', 'nightly')),
    weekday text,
    -- Minutes after midnight of the site's time zone.
    minute bigint not null,
    only_if_changed bigint not null check (only_if_changed in (0, 1)),
    to_self bigint not null check (to_self in (0, 1)),
    -- The column by whose values officers get rows; null where none do.
    to_officers text,
    -- The last local day.
    until_day text,
    state text not null check (state in ('active', 'paused', 'ended')),
    end_reason text,
    created_at bigint not null,
    ended_at bigint,
    -- The next sending; null after nightly runs, and while there is none.
    next_at bigint,
    -- After nightly runs: the start of the last one that was answered.
    after_run bigint,
    last_at bigint,
    last_outcome text,
    -- The claim of the process that makes the sending that is due.
    lease_token text,
    lease_until bigint,
    constraint of_batch_or_course check ((batch_id is null) <> (course_id is null)),
    constraint weekday_of_weeks check ((every = 'weekly') = (weekday is not null)),
    constraint ended_for_a_reason check ((state = 'ended') = (end_reason is not null)),
    constraint due_while_active check (state = 'active' or (next_at is null and lease_token is null))
);

create index subscriptions_of_user on subscriptions (user_id, id);
create index subscriptions_due on subscriptions (next_at, id) where next_at is not null;
create index subscriptions_of_runs on subscriptions (after_run, id) where state = 'active' and every = 'nightly';

-- Clicks do not wait for requests that subscriptions made: those have 1 here and come after them.
alter table requests add column is_sending bigint not null default 0;
create index requests_by_turn on requests (is_sending, due_at, id) where due_at is not null;

-- One row: a request that a subscription made. An occurrence is a local day, or a nightly run.
create table sendings (
    request_id text not null primary key references requests (id) on delete cascade,
    subscription_id text not null references subscriptions (id) on delete cascade,
    occurrence text not null,
    email text not null,
    what text not null,
    is_officer bigint not null check (is_officer in (0, 1))
);

-- Nobody gets the same twice of one occurrence.
create unique index one_sending_of_occurrence on sendings (subscription_id, occurrence, email, what);

-- One row: a batch beside the first of a request that a subscription made. Of a click, its events say it.
create table sending_batches (
    request_id text not null references requests (id) on delete cascade,
    batch_id text not null,
    course_id text,
    tenant_id text,
    primary key (request_id, batch_id)
);

-- One row: what a recipient of a subscription was sent last, as a digest of its rows.
create table sent_contents (
    subscription_id text not null references subscriptions (id) on delete cascade,
    email text not null,
    what text not null,
    digest text not null,
    primary key (subscription_id, email, what)
);

-- One row: an officer who may get rows of one value, as an admin approved it for a tenant, a course or a batch.
create table officers (
    scope text not null check (scope in ('tenant', 'course', 'batch')),
    scope_id text not null,
    column_name text not null,
    value text not null,
    email text not null,
    approved_by text not null,
    approved_at bigint not null,
    primary key (scope, scope_id, column_name, value, email)
);

-- One row: the token of one mail, by which its recipient ends the mails. What is kept is its hash (SHA-256, hexadecimal).
create table unsubscribe_tokens (
    token_hash text not null primary key,
    subscription_id text not null references subscriptions (id) on delete cascade,
    email text not null,
    is_officer bigint not null check (is_officer in (0, 1)),
    made_at bigint not null
);

create index unsubscribe_tokens_made on unsubscribe_tokens (made_at);

-- One row: an officer who wants no more mails of a subscription.
create table unsubscribed (
    subscription_id text not null references subscriptions (id) on delete cascade,
    email text not null,
    at bigint not null,
    primary key (subscription_id, email)
);

-- A report that a subscription sent is told apart from one that somebody clicked for.
alter table events add column by_subscription bigint not null default 0 check (by_subscription in (0, 1));
