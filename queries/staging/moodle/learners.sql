-- Students of Moodle's courses, from mdl_user_enrolments, mdl_enrol, mdl_user and roles.sql. A step of other queries.
--
-- One row: one student in one course in which they are enrolled, also where no enrolment is active. Deleted accounts have none.
-- Parameters: $as_of, the snapshot's day; $timezone, whose calendar tells which day a time is on.
-- A user may be enrolled in a course in several ways (by hand, by themselves, by a cohort): one that is active is enough.
-- An enrolment is active where it and its way are switched on, and the snapshot's day lies within its time.
-- enrolled_at: the start of the first active enrolment, or of the first one where none is active. Times are seconds since
-- 1970, and 0 is none; without a start it is the time that the enrolment was made.
with
    single_enrolments as (
        select
            way.courseid as course_id,
            enrolment.userid as user_id,
            cast(enrolment.status as bigint) = 0 and cast(way.status as bigint) = 0 as is_on,
            nullif(cast(enrolment.timestart as bigint), 0) as first_second,
            nullif(cast(enrolment.timeend as bigint), 0) as last_second,
            nullif(cast(enrolment.timecreated as bigint), 0) as made_second
        from mdl_user_enrolments as enrolment
        join mdl_enrol as way on way.id = enrolment.enrolid
        left join mdl_user as account on account.id = enrolment.userid
        where not coalesce(cast(account.deleted as boolean), false)
    ),
    timed_enrolments as (
        select
            course_id,
            user_id,
            is_on,
            arrow_cast(first_second * 1000000, 'Timestamp(Microsecond, Some("UTC"))') as first_moment,
            arrow_cast(last_second * 1000000, 'Timestamp(Microsecond, Some("UTC"))') as last_moment,
            arrow_cast(made_second * 1000000, 'Timestamp(Microsecond, Some("UTC"))') as made_at
        from single_enrolments
    ),
    dated_enrolments as (
        select
            course_id,
            user_id,
            coalesce(first_moment, made_at) as started_at,
            is_on
            and coalesce(local_date(first_moment, $timezone) <= $as_of, true)
            and coalesce(local_date(last_moment, $timezone) >= $as_of, true) as active
        from timed_enrolments
    )
select
    enrolment.course_id,
    enrolment.user_id,
    bool_or(enrolment.active) as active,
    coalesce(
        min(enrolment.started_at) filter (where enrolment.active),
        min(enrolment.started_at)
    ) as enrolled_at
from dated_enrolments as enrolment
join roles
    on roles.course_id = enrolment.course_id
    and roles.user_id = enrolment.user_id
    and roles.archetype = 'student'
group by enrolment.course_id, enrolment.user_id
