-- How many rows of `enrolments` each batch has, to divide a nightly run into groups that fit into memory.
--
-- One row: one batch.
select batch_id, count(*) as enrolments
from enrolments
where batch_id is not null and user_id is not null
group by batch_id
