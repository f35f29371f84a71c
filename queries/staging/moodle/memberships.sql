-- Who is in which part of a Moodle course, from mdl_groups and mdl_groups_members, or from mdl_enrol and mdl_user_enrolments.
-- A step of other queries.
--
-- One row: one user in one part of a course, whether they are a student or not.
-- Parameter: $batches, 'groups' for the groups of courses, 'cohorts' for the cohorts that are enrolled in courses, 'courses'
-- for no parts at all.
-- batch_id: `group-ID`, or `course-ID-cohort-ID`.
select
    course_group.courseid as course_id,
    member.userid as user_id,
    'group-' || cast(course_group.id as varchar) as batch_id
from mdl_groups_members as member
join mdl_groups as course_group on course_group.id = member.groupid
where $batches = 'groups'
union
select
    way.courseid as course_id,
    enrolment.userid as user_id,
    'course-' || cast(way.courseid as varchar) || '-cohort-' || cast(way.customint1 as varchar) as batch_id
from mdl_user_enrolments as enrolment
join mdl_enrol as way on way.id = enrolment.enrolid
where $batches = 'cohorts' and way.enrol = 'cohort' and way.customint1 is not null
