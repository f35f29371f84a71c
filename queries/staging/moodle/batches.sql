-- Batches of Moodle: parts of courses, and courses, from mdl_course, mdl_groups, mdl_enrol, mdl_cohort, roles.sql, learners.sql
-- and memberships.sql.
--
-- One row: one part of a course, or one course that has no parts or has students who are in none. The site's front page, a
-- course in no category, is none.
-- Parameters: $batches, what the parts are, as in memberships.sql; $timezone, whose calendar gives the dates.
-- mentors: the editing teachers of the course; of a part, also the non-editing teachers who are in it; of a course without
-- parts, also its other non-editing teachers. Moodle says neither who created a course nor of a tenant.
-- start_date, end_date: those of the course, in seconds since 1970; 0 is none.
with
    parts as (
        select
            courseid as course_id,
            'group-' || cast(id as varchar) as batch_id,
            name as part_name
        from mdl_groups
        where $batches = 'groups'
        union
        select
            way.courseid as course_id,
            'course-' || cast(way.courseid as varchar) || '-cohort-' || cast(way.customint1 as varchar) as batch_id,
            cohort.name as part_name
        from mdl_enrol as way
        left join mdl_cohort as cohort on cohort.id = way.customint1
        where $batches = 'cohorts' and way.enrol = 'cohort' and way.customint1 is not null
    ),
    divided_courses as (
        select distinct course_id
        from parts
    ),
    courses_with_others as (
        select distinct learners.course_id
        from learners
        left anti join memberships
            on memberships.course_id = learners.course_id and memberships.user_id = learners.user_id
    ),
    courses as (
        select
            course.id as course_id,
            course.fullname as course_name,
            divided_courses.course_id is not null as has_parts,
            courses_with_others.course_id is not null as has_others,
            nullif(cast(course.startdate as bigint), 0) as start_second,
            nullif(cast(course.enddate as bigint), 0) as end_second
        from mdl_course as course
        left join divided_courses on divided_courses.course_id = course.id
        left join courses_with_others on courses_with_others.course_id = course.id
        where cast(course.category as bigint) <> 0
    ),
    all_batches as (
        select parts.batch_id, courses.course_id, concat_ws(': ', courses.course_name, parts.part_name) as batch_name
        from parts
        join courses on courses.course_id = parts.course_id
        union all
        select 'course-' || cast(course_id as varchar) as batch_id, course_id, course_name as batch_name
        from courses
        where not has_parts or has_others
    ),
    teachers as (
        select all_batches.batch_id, cast(roles.user_id as varchar) as user_id
        from all_batches
        join roles on roles.course_id = all_batches.course_id and roles.archetype = 'editingteacher'
        union
        select memberships.batch_id, cast(roles.user_id as varchar) as user_id
        from memberships
        join roles
            on roles.course_id = memberships.course_id
            and roles.user_id = memberships.user_id
            and roles.archetype = 'teacher'
        union
        select 'course-' || cast(courses.course_id as varchar) as batch_id, cast(roles.user_id as varchar) as user_id
        from courses
        join roles on roles.course_id = courses.course_id and roles.archetype = 'teacher'
        where not courses.has_parts
    ),
    mentors as (
        select batch_id, array_sort(array_agg(user_id)) as user_ids
        from teachers
        group by batch_id
    )
select
    all_batches.batch_id,
    cast(all_batches.course_id as varchar) as course_id,
    all_batches.batch_name,
    cast(null as varchar) as tenant_id,
    cast(null as varchar) as created_by,
    mentors.user_ids as mentors,
    local_date(arrow_cast(courses.start_second * 1000000, 'Timestamp(Microsecond, Some("UTC"))'), $timezone) as start_date,
    local_date(arrow_cast(courses.end_second * 1000000, 'Timestamp(Microsecond, Some("UTC"))'), $timezone) as end_date
from all_batches
join courses on courses.course_id = all_batches.course_id
left join mentors on mentors.batch_id = all_batches.batch_id
