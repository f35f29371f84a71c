-- Metabase, a question by month (src/metabase/driver/postgres.clj)
-- $1 timestamptz: 2026-01-01 00:00:00+00
SELECT DATE_TRUNC('month', "public"."enrolments"."enrolled_at") AS "enrolled_at", COUNT(*) AS "count"
FROM "public"."enrolments"
WHERE ("public"."enrolments"."enrolled_at" >= $1) AND ("public"."enrolments"."active" = TRUE)
GROUP BY DATE_TRUNC('month', "public"."enrolments"."enrolled_at")
ORDER BY DATE_TRUNC('month', "public"."enrolments"."enrolled_at") ASC
