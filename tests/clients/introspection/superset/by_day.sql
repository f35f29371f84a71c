-- Superset, time grain day (superset/db_engine_specs/postgres.py)
SELECT DATE_TRUNC('day', enrolled_at) AS __timestamp, COUNT(*) AS count
FROM public.enrolments
WHERE enrolled_at >= TO_TIMESTAMP('2026-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
GROUP BY DATE_TRUNC('day', enrolled_at)
ORDER BY count DESC
LIMIT 1000;
