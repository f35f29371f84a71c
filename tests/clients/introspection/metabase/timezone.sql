-- Metabase, timezone (src/metabase/driver/postgres.clj)
show timezone;
