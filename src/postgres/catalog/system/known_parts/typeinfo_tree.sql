-- A row is a type that asyncpg asks about (depth 0), or the type of an array's elements (depth 1).
-- Here no type is a domain, a range or a row, so there is nothing below that.
SELECT
    t.oid,
    n.nspname,
    t.typname,
    t.typtype,
    NULL::int AS basetype,
    t.typelem,
    e.typdelim,
    NULL::int AS range_subtype,
    NULL::int[] AS attrtypoids,
    NULL::text[] AS attrnames,
    a.depth
FROM (
    SELECT oid, 0 AS depth FROM pg_catalog.pg_type WHERE oid = any($1::oid[])
    UNION ALL
    SELECT DISTINCT typelem AS oid, 1 AS depth FROM pg_catalog.pg_type WHERE oid = any($1::oid[])
) AS a
INNER JOIN pg_catalog.pg_type AS t ON t.oid = a.oid
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type AS e ON t.typlen = -1 AND e.oid = t.typelem
