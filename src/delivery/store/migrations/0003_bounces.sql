-- A mail that was handed over may come back afterwards: the request stays what it was, and has this beside it.

alter table requests add column bounced_at bigint;
-- The enhanced status code, such as 5.1.1, where the bounce gave one.
alter table requests add column bounce_code text;
alter table requests add column bounce_words text;

create index requests_bounced on requests (email, bounced_at) where bounced_at is not null;
