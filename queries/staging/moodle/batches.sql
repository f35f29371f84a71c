-- Batches of Moodle: groups of courses, and courses, from mdl_course and mdl_groups. Students, teachers and members of groups
-- come from mdl_context, mdl_role_assignments, mdl_role, mdl_user, mdl_user_enrolments, mdl_enrol and mdl_groups_members.
--
-- One row: one group, or one course that has no groups or has students who are in none. Parameter: $timezone, whose calendar
-- gives the dates. The site's front page, a course in no category, is none.
-- mentors: the editing teachers of the course; of a group, also the non-editing teachers who are in it; of a course without
-- groups, also its other non-editing teachers. Moodle says neither who created a course nor of a tenant.
-- start_date, end_date: those of the course, in seconds since 1970; 0 is none.
with
    course_contexts as (
        select instanceid as course_id, unnest(string_to_array(path, '/')) as context_id
        from mdl_context
        where contextlevel = 50
    ),
    roles as (
        -- Roles in a category or on the whole site hold in its courses too.
        select distinct course_contexts.course_id, assignment.userid as user_id, role.archetype
        from mdl_role_assignments as assignment
        join mdl_role as role on role.id = assignment.roleid
        join course_contexts on course_contexts.context_id = cast(assignment.contextid as varchar)
        where role.archetype in ('student', 'teacher', 'editingteacher')
    ),
    memberships as (
        select course_group.courseid as course_id, course_group.id as group_id, member.userid as user_id
        from mdl_groups as course_group
        join mdl_groups_members as member on member.groupid = course_group.id
    ),
    ungrouped_students as (
        select roles.course_id, roles.user_id
        from roles
        join mdl_user_enrolments as enrolment on enrolment.userid = roles.user_id
        join mdl_enrol as way on way.id = enrolment.enrolid and way.courseid = roles.course_id
        left anti join memberships
            on memberships.course_id = roles.course_id and memberships.user_id = roles.user_id
        left join mdl_user as account on account.id = roles.user_id
        where roles.archetype = 'student' and not coalesce(cast(account.deleted as boolean), false)
    ),
    courses as (
        select
            course.id as course_id,
            course.fullname as course_name,
            course.id in (select courseid from mdl_groups) as has_groups,
            course.id in (select course_id from ungrouped_students) as has_ungrouped_students,
            nullif(cast(course.startdate as bigint), 0) as start_second,
            nullif(cast(course.enddate as bigint), 0) as end_second
        from mdl_course as course
        where cast(course.category as bigint) <> 0
    ),
    all_batches as (
        select
            'group-' || cast(course_group.id as varchar) as batch_id,
            courses.course_id,
            course_group.id as group_id,
            concat_ws(': ', courses.course_name, course_group.name) as batch_name
        from courses
        join mdl_groups as course_group on course_group.courseid = courses.course_id
        union all
        select
            'course-' || cast(course_id as varchar) as batch_id,
            course_id,
            null as group_id,
            course_name as batch_name
        from courses
        where not has_groups or has_ungrouped_students
    ),
    teachers as (
        select all_batches.batch_id, cast(roles.user_id as varchar) as user_id
        from all_batches
        join roles on roles.course_id = all_batches.course_id and roles.archetype = 'editingteacher'
        union
        select all_batches.batch_id, cast(roles.user_id as varchar) as user_id
        from all_batches
        join roles on roles.course_id = all_batches.course_id and roles.archetype = 'teacher'
        join memberships on memberships.group_id = all_batches.group_id and memberships.user_id = roles.user_id
        union
        select 'course-' || cast(courses.course_id as varchar) as batch_id, cast(roles.user_id as varchar) as user_id
        from courses
        join roles on roles.course_id = courses.course_id and roles.archetype = 'teacher'
        where not courses.has_groups
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
