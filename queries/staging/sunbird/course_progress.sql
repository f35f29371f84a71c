-- Course progress of Sunbird, from user_enrolments and course_contents.sql.
--
-- One row: one user in one batch. The percent, by the first of these rules that applies:
-- 1. 100 with a completion date, also where the course has grown since.
-- 2. The contents with status 2 in contentstatus, without optional ones, by the course's number of contents, at most 100.
-- 3. completionpercentage: Sunbird Spark keeps it up to date, releases before 3.2 had nothing else, 3.2 to 8.1 do not write it.
-- 4. 0 where nothing is done. (`progress` is a number of contents, no percent.)
-- 5. NULL: something is done, and the number of contents is not known.
-- Parameter: $percent, 'down' or 'nearest': to which whole percent it is rounded.
with
    rows_of_users as (
        select
            userid as user_id,
            courseid as course_id,
            batchid as batch_id,
            utc_time(completedon) as completed_at,
            -- The first rule does without: a join would copy the maps of completed courses, which are the largest.
            case when utc_time(completedon) is null then contentstatus end as statuses,
            try_cast(completionpercentage as double) as written_percent,
            coalesce(try_cast(progress as double), 0) as contents_seen,
            coalesce(try_cast(status as double), 0) as status
        from user_enrolments
    ),
    counted as (
        select
            enrolment.*,
            course.contents,
            count_in_map(enrolment.statuses, 2, course.optional_ids) as contents_done
        from rows_of_users as enrolment
        left join course_contents as course on course.course_id = enrolment.course_id
    ),
    percents as (
        select
            user_id,
            course_id,
            batch_id,
            completed_at,
            case
                when completed_at is not null then 100.0
                when contents > 0 and contents_done is not null
                    then least(100.0, 100 * cast(contents_done as double) / contents)
                when written_percent is not null then written_percent
                when contents_seen = 0 and coalesce(contents_done, 0) = 0 and status < 2 then 0.0
            end as percent
        from counted
    )
select
    user_id,
    course_id,
    batch_id,
    case when $percent = 'nearest' then round(percent) else floor(percent) end as progress_percent,
    completed_at
from percents
