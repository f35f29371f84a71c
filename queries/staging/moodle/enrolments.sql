-- Enrolments of Moodle, from learners.sql and memberships.sql.
--
-- One row: one student in one batch, of which some are over, suspended or have not begun. A batch is a part of a course, a
-- group or a cohort by the setting `batches`, or the course itself for its students who are in no part; who is in two parts
-- has two rows.
select
    cast(learners.user_id as varchar) as user_id,
    cast(learners.course_id as varchar) as course_id,
    coalesce(memberships.batch_id, 'course-' || cast(learners.course_id as varchar)) as batch_id,
    learners.enrolled_at,
    learners.active
from learners
left join memberships on memberships.course_id = learners.course_id and memberships.user_id = learners.user_id
