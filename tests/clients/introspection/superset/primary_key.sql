-- SQLAlchemy 1.4, as Superset uses it, get_pk_constraint (lib/sqlalchemy/dialects/postgresql/base.py)
SELECT a.attname
FROM pg_attribute a JOIN (
    SELECT unnest(ix.indkey) attnum,
           generate_subscripts(ix.indkey, 1) ord
    FROM pg_index ix
    WHERE ix.indrelid = :users_oid AND ix.indisprimary
    ) k ON a.attnum=k.attnum
WHERE a.attrelid = :users_oid
ORDER BY k.ord
