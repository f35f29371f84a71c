-- DBeaver (plugins/org.jkiss.dbeaver.ext.postgresql/src/org/jkiss/dbeaver/ext/postgresql/model/PostgreViewBase.java)
-- $1 bigint: :view_oid
SELECT pg_catalog.pg_get_viewdef($1, true) as definition
