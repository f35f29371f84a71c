-- Batches of Open edX: its course runs, from course_overviews_courseoverview and student_courseaccessrole of the LMS's database.
--
-- One row: one course run. Parameter: $timezone, whose calendar gives the dates.
-- tenant_id: the organisation of the run's key. mentors: the users who may download learners' data on the platform's own
-- instructor dashboard, those with the role of data researcher in the run or in the whole organisation. The platform does not
-- say who created a run.
with
    researchers as (
        select run.id as run_id, cast(access.user_id as varchar) as user_id
        from course_overviews_courseoverview as run
        join student_courseaccessrole as access on access.course_id = run.id
        where access.role = 'data_researcher'
        union
        select run.id as run_id, cast(access.user_id as varchar) as user_id
        from course_overviews_courseoverview as run
        join student_courseaccessrole as access on access.org = run.org
        where access.role = 'data_researcher' and coalesce(trim(access.course_id), '') = ''
    ),
    mentors as (
        select run_id, array_sort(array_agg(user_id)) as user_ids
        from researchers
        group by run_id
    )
select
    run.id as batch_id,
    regexp_replace(run.id, '^(?:[^:/+]+:)?([^/+]+)[/+]([^/+]+)[/+].*$', '\1+\2') as course_id,
    run.display_name as batch_name,
    run.org as tenant_id,
    cast(null as varchar) as created_by,
    mentors.user_ids as mentors,
    local_date(arrow_cast(run."start", 'Timestamp(Microsecond, Some("UTC"))'), $timezone) as start_date,
    local_date(arrow_cast(run."end", 'Timestamp(Microsecond, Some("UTC"))'), $timezone) as end_date
from course_overviews_courseoverview as run
left join mentors on mentors.run_id = run.id
