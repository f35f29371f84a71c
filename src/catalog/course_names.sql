-- What courses are called.
--
-- One row: one course that the table `courses` has a name of. Of several names, the first by its letters.
select course_id as id, min(course_name) as name
from courses
where course_id is not null and course_name is not null
group by course_id
