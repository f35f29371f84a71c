-- Course progress of Moodle, from mdl_course, mdl_course_modules, mdl_course_modules_completion and mdl_course_completions.
-- Students, their enrolments and their batches are found as in enrolments.sql.
--
-- One row: one student in one batch, whether the enrolment is active or not.
-- progress_percent: completed activities out of those whose completion is tracked, as on the course's own bar. Activities that
-- are hidden or about to be deleted count on neither side; those that were failed are not completed. Missing where the course
-- has completion switched off, or tracks no activity.
-- completed_at: when the course's own conditions were met, in seconds since 1970; missing where completion is switched off.
with
    tracked_activities as (
        select activity.id, activity.course as course_id
        from mdl_course_modules as activity
        join mdl_course as course on course.id = activity.course
        where
            coalesce(cast(course.enablecompletion as boolean), false)
            and cast(activity.completion as bigint) > 0
            and coalesce(cast(activity.visible as boolean), true)
            and not coalesce(cast(activity.deletioninprogress as boolean), false)
    ),
    tracked_counts as (
        select course_id, count(*) as activities
        from tracked_activities
        group by course_id
    ),
    done_counts as (
        -- 1 is completed, 2 completed with a passing grade.
        select activity.course_id, completion.userid as user_id, count(distinct activity.id) as activities
        from tracked_activities as activity
        join mdl_course_modules_completion as completion on completion.coursemoduleid = activity.id
        where cast(completion.completionstate as bigint) in (1, 2)
        group by activity.course_id, completion.userid
    ),
    course_completions as (
        select
            completion.course as course_id,
            completion.userid as user_id,
            min(nullif(cast(completion.timecompleted as bigint), 0)) as completed_second
        from mdl_course_completions as completion
        join mdl_course as course on course.id = completion.course
        where coalesce(cast(course.enablecompletion as boolean), false)
        group by completion.course, completion.userid
    ),
    course_contexts as (
        select instanceid as course_id, unnest(string_to_array(path, '/')) as context_id
        from mdl_context
        where contextlevel = 50
    ),
    students as (
        select distinct course_contexts.course_id, assignment.userid as user_id
        from mdl_role_assignments as assignment
        join mdl_role as role on role.id = assignment.roleid and role.archetype = 'student'
        join course_contexts on course_contexts.context_id = cast(assignment.contextid as varchar)
    ),
    learners as (
        select distinct students.course_id, students.user_id
        from students
        join mdl_user_enrolments as enrolment on enrolment.userid = students.user_id
        join mdl_enrol as way on way.id = enrolment.enrolid and way.courseid = students.course_id
        left join mdl_user as account on account.id = students.user_id
        where not coalesce(cast(account.deleted as boolean), false)
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
    100.0 * coalesce(done_counts.activities, 0) / tracked_counts.activities as progress_percent,
    arrow_cast(course_completions.completed_second * 1000000, 'Timestamp(Microsecond, Some("UTC"))') as completed_at
from learners
left join memberships on memberships.course_id = learners.course_id and memberships.user_id = learners.user_id
left join tracked_counts on tracked_counts.course_id = learners.course_id
left join done_counts on done_counts.course_id = learners.course_id and done_counts.user_id = learners.user_id
left join course_completions
    on course_completions.course_id = learners.course_id and course_completions.user_id = learners.user_id
