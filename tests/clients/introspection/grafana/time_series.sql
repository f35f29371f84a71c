-- Grafana, $__timeGroupAlias and $__timeFilter (pkg/tsdb/grafana-postgresql-datasource/macros.go)
SELECT floor(extract(epoch from enrolled_at)/86400)*86400 AS "time", count(*) AS "value"
FROM enrolments
WHERE enrolled_at BETWEEN '2026-01-01T00:00:00Z' AND '2026-12-31T00:00:00Z'
GROUP BY 1
ORDER BY 1
