-- pgAdmin 9.18, role (web/pgadmin/browser/server_groups/servers/roles/templates/roles/sql/16_plus/properties.sql)
SELECT
	r.oid, r.*,
	pg_catalog.shobj_description(r.oid, 'pg_authid') AS description,
	ARRAY(
		SELECT
			CASE WHEN am.admin_option THEN '1' ELSE '0' END
			|| CASE WHEN am.inherit_option THEN '1' ELSE '0' END
			|| CASE WHEN am.set_option THEN '1' ELSE '0' END
			|| rm.rolname
		FROM
			(SELECT * FROM pg_catalog.pg_auth_members WHERE member = r.oid) am
			LEFT JOIN pg_catalog.pg_roles rm ON (rm.oid = am.roleid)
		ORDER BY rm.rolname
	) AS rolmembership,
	(SELECT pg_catalog.array_agg(provider || '=' || label) FROM pg_catalog.pg_shseclabel sl1 WHERE sl1.objoid=r.oid) AS seclabels
FROM
	pg_catalog.pg_roles r
ORDER BY r.rolcanlogin, r.rolname
