-- psql 15, \d+ download_ratio_by_course (src/bin/psql/describe.c)
SELECT pg_catalog.pg_get_viewdef(':view_oid'::pg_catalog.oid, true);
