-- DBD::Pg 3.16.0, column_info: the check constraints of a column (Pg.pm)
SELECT pg_catalog.pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint WHERE contype = 'c' AND conrelid = :users_oid AND conkey = '{1}'
