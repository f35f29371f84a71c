-- People who signed in with a browser, and links in mails that were revoked.

-- One row: one session. Its id is in the browser's cookie alone; what is kept are hashes (SHA-256, hexadecimal).
create table sessions (
    id_hash text not null primary key,
    -- Of the `state` of the sign-in that it came of: a sign-in that is repeated makes no second session.
    sign_in_hash text not null,
    user_id text not null,
    email text,
    -- JSON
    roles text not null,
    started_at bigint not null,
    -- The last request, give or take a minute.
    seen_at bigint not null,
    -- When it ends whatever happens.
    ends_at bigint not null,
    -- When its person signed out.
    ended_at bigint
);

create unique index one_session_of_sign_in on sessions (sign_in_hash);
create index sessions_of_user on sessions (user_id);
create index sessions_to_remove on sessions (ends_at);

-- One row: a request whose signed link does not work any more.
create table revoked_links (
    request_id text not null primary key references requests (id) on delete cascade,
    revoked_at bigint not null
);
