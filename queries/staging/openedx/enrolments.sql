-- Enrolments of Open edX, from student_courseenrollment of the LMS's database.
--
-- One row: one user in one course run, in any mode (audit, honor, verified, ...). Who left has a row that is not active.
-- batch_id: the key of the run, such as `course-v1:Org+Course+Run`. course_id: its organisation and course, `Org+Course`; the
-- keys of old runs have slashes, `Org/Course/Run`. enrolled_at: when the row came to be; who comes back keeps it.
select
    cast(user_id as varchar) as user_id,
    regexp_replace(course_id, '^(?:[^:/+]+:)?([^/+]+)[/+]([^/+]+)[/+].*$', '\1+\2') as course_id,
    course_id as batch_id,
    arrow_cast(created, 'Timestamp(Microsecond, Some("UTC"))') as enrolled_at,
    cast(is_active as boolean) as active
from student_courseenrollment
