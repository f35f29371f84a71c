-- Enrolments of Moodle, from mdl_user_enrolments, mdl_enrol, mdl_user, mdl_groups and mdl_groups_members; mdl_context,
-- mdl_role_assignments and mdl_role tell who is a student.
--
-- One row: one student in one batch, of which some are over, suspended or have not begun. A batch is a group of a course, or
-- the course itself for its students who are in no group; who is in two groups has two rows.
-- Parameters: $as_of, the snapshot's day; $timezone, whose calendar tells which day a time is on.
-- A user may be enrolled in a course in several ways (by hand, by themselves, by a cohort): one that is active is enough.
-- An enrolment is active where it and its way are switched on, and the snapshot's day lies within its time.
-- enrolled_at: the start of the first active enrolment, or of the first one where none is active. Times are seconds since
-- 1970, and 0 is none; without a start it is the time that the enrolment was made.
with
    course_contexts as (
        select instanceid as course_id, unnest(string_to_array(path, '/')) as context_id
        from mdl_context
        where contextlevel = 50
    ),
    students as (
        -- Roles in a category or on the whole site hold in its courses too.
        select distinct course_contexts.course_id, assignment.userid as user_id
        from mdl_role_assignments as assignment
        join mdl_role as role on role.id = assignment.roleid and role.archetype = 'student'
        join course_contexts on course_contexts.context_id = cast(assignment.contextid as varchar)
    ),
    single_enrolments as (
        select
            way.courseid as course_id,
            enrolment.userid as user_id,
            cast(enrolment.status as bigint) = 0 and cast(way.status as bigint) = 0 as is_on,
            coalesce(
                nullif(cast(enrolment.timestart as bigint), 0),
                nullif(cast(enrolment.timecreated as bigint), 0)
            ) as start_second,
            nullif(cast(enrolment.timestart as bigint), 0) as first_second,
            nullif(cast(enrolment.timeend as bigint), 0) as last_second
        from mdl_user_enrolments as enrolment
        join mdl_enrol as way on way.id = enrolment.enrolid
        left join mdl_user as account on account.id = enrolment.userid
        where not coalesce(cast(account.deleted as boolean), false)
    ),
    dated_enrolments as (
        select
            course_id,
            user_id,
            arrow_cast(start_second * 1000000, 'Timestamp(Microsecond, Some("UTC"))') as started_at,
            is_on
            and (
                first_second is null
                or local_date(arrow_cast(first_second * 1000000, 'Timestamp(Microsecond, Some("UTC"))'), $timezone) <= $as_of
            )
            and (
                last_second is null
                or local_date(arrow_cast(last_second * 1000000, 'Timestamp(Microsecond, Some("UTC"))'), $timezone) >= $as_of
            ) as active
        from single_enrolments
    ),
    learners as (
        select
            enrolment.course_id,
            enrolment.user_id,
            bool_or(enrolment.active) as active,
            coalesce(
                min(enrolment.started_at) filter (where enrolment.active),
                min(enrolment.started_at)
            ) as enrolled_at
        from dated_enrolments as enrolment
        join students on students.course_id = enrolment.course_id and students.user_id = enrolment.user_id
        group by enrolment.course_id, enrolment.user_id
    ),
    memberships as (
        select distinct course_group.courseid as course_id, member.userid as user_id, course_group.id as group_id
        from mdl_groups_members as member
        join mdl_groups as course_group on course_group.id = member.groupid
    )
select
    cast(learners.user_id as varchar) as user_id,
    cast(learners.course_id as varchar) as course_id,
    coalesce(
        'group-' || cast(memberships.group_id as varchar),
        'course-' || cast(learners.course_id as varchar)
    ) as batch_id,
    learners.enrolled_at,
    learners.active
from learners
left join memberships on memberships.course_id = learners.course_id and memberships.user_id = learners.user_id
