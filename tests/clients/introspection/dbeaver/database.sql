-- DBeaver (plugins/org.jkiss.dbeaver.ext.postgresql/src/org/jkiss/dbeaver/ext/postgresql/model/PostgreDatabase.java)
-- $1 varchar: :database
SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE datname=$1
