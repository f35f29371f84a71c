-- How far the learners of each batch are, for the list of batches that people see.
--
-- One row: one batch whose Course Progress Report has rows. learners: its rows; completed: those with a Completion Date;
-- average_progress: the average Course Progress of those that have one, in percent with one digit, halves rounded up, as in
-- the list of a report in parts; NULL where none has.
with
    counted as (
        select
            batch_id,
            count(*) as learners,
            count(completion_date) as completed,
            count(course_progress) as with_progress,
            cast(sum(course_progress) as bigint) as progress
        from course_progress_report
        where batch_id is not null
        group by batch_id
    )
select
    batch_id,
    learners,
    completed,
    cast((progress * 20 + with_progress) / nullif(with_progress * 2, 0) as double) / 10 as average_progress
from counted
