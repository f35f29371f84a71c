-- Course progress of Open edX, from grades_persistentcoursegrade and certificates_generatedcertificate of the LMS's database.
--
-- One row: one user in one course run with a grade or an awarded certificate. Who did nothing that is graded has no row.
-- progress_percent: the grade of the course, out of 100. The platform keeps a fraction, whose binary rounding is taken off;
-- what part of the course's blocks a user has completed is not in the database, as it does not say how many there are.
-- completed_at: of who passes now (a letter grade), or has an awarded certificate, the time of passing for the first time;
-- without one, as for certificates that were granted by hand, when the certificate was last made. Who passed once and does not
-- pass any more has not completed the run.
with
    awarded_certificates as (
        select user_id, course_id, max(modified_date) as awarded_at
        from certificates_generatedcertificate
        where status in ('downloadable', 'generating')
        group by user_id, course_id
    ),
    results as (
        select
            coalesce(grade.user_id, certificate.user_id) as user_id,
            coalesce(grade.course_id, certificate.course_id) as run_id,
            cast(grade.percent_grade as double) as fraction,
            grade.passed_timestamp as passed_at,
            certificate.awarded_at,
            certificate.user_id is not null or trim(grade.letter_grade) <> '' as has_passed
        from grades_persistentcoursegrade as grade
        full join awarded_certificates as certificate
            on certificate.user_id = grade.user_id and certificate.course_id = grade.course_id
    )
select
    cast(user_id as varchar) as user_id,
    regexp_replace(run_id, '^(?:[^:/+]+:)?([^/+]+)[/+]([^/+]+)[/+].*$', '\1+\2') as course_id,
    run_id as batch_id,
    round(fraction * 100, 6) as progress_percent,
    case
        when has_passed then arrow_cast(coalesce(passed_at, awarded_at), 'Timestamp(Microsecond, Some("UTC"))')
    end as completed_at
from results
