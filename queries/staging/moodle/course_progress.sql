-- Course progress of Moodle, from mdl_course, mdl_course_modules, mdl_course_modules_completion, mdl_course_completions,
-- learners.sql and memberships.sql.
--
-- One row: one student in one batch, as in enrolments.sql.
-- progress_percent: completed activities out of those whose completion is tracked, as on the course's own bar. Activities that
-- are hidden or about to be deleted count on neither side; those that were failed are not completed. Missing where the course
-- has completion switched off, or tracks no activity.
-- completed_at: when the course's own conditions were met, in seconds since 1970; missing where completion is switched off.
with
    tracking_courses as (
        select id as course_id
        from mdl_course
        where coalesce(cast(enablecompletion as boolean), false)
    ),
    tracked_activities as (
        select activity.id, activity.course as course_id
        from mdl_course_modules as activity
        join tracking_courses on tracking_courses.course_id = activity.course
        where
            cast(activity.completion as bigint) > 0
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
        join tracking_courses on tracking_courses.course_id = completion.course
        group by completion.course, completion.userid
    )
select
    cast(learners.user_id as varchar) as user_id,
    cast(learners.course_id as varchar) as course_id,
    coalesce(memberships.batch_id, 'course-' || cast(learners.course_id as varchar)) as batch_id,
    100.0 * coalesce(done_counts.activities, 0) / tracked_counts.activities as progress_percent,
    arrow_cast(course_completions.completed_second * 1000000, 'Timestamp(Microsecond, Some("UTC"))') as completed_at
from learners
left join memberships on memberships.course_id = learners.course_id and memberships.user_id = learners.user_id
left join tracked_counts on tracked_counts.course_id = learners.course_id
left join done_counts on done_counts.course_id = learners.course_id and done_counts.user_id = learners.user_id
left join course_completions
    on course_completions.course_id = learners.course_id and course_completions.user_id = learners.user_id
