-- The issuer tells the service when somebody has signed out there (OpenID Connect Back-Channel Logout).

-- SHA-256, hexadecimal, of the issuer's session (`sid`) in which the sign-in happened; null where the issuer names none, and for
-- sessions that began before this column was there.
alter table sessions add column issuer_session_hash text;

create index sessions_of_issuer_session on sessions (issuer_session_hash);

-- One row: one logout token that was used, by the hash of its id (`jti`), so that none is taken twice.
create table used_logout_tokens (
    token_hash text not null primary key,
    -- The issuer's session that it ended, if it names one: a sign-in that was under way in it makes no session any more.
    issuer_session_hash text,
    used_at bigint not null
);

create index used_logout_tokens_to_remove on used_logout_tokens (used_at);
