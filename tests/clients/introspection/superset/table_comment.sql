-- SQLAlchemy 1.4, as Superset uses it, get_table_comment (lib/sqlalchemy/dialects/postgresql/base.py)
SELECT
    pgd.description as table_comment
FROM
    pg_catalog.pg_description pgd
WHERE
    pgd.objsubid = 0 AND
    pgd.objoid = :users_oid
