-- What became of the rows of `enrolments`, for the manifest of a nightly run.
--
-- One row. Every row read is either without a user, without a batch, not active, or a candidate for the reports;
-- candidates that are not reported were superseded by another row of the same user and batch, or omitted as unknown.
select
    count(*) as rows_read,
    count(*) filter (where user_id is null) as without_user_id,
    count(*) filter (where user_id is not null and batch_id is null) as without_batch_id,
    count(*) filter (where user_id is not null and batch_id is not null and active is not true) as not_active
from enrolments
