-- Power BI, as recorded in cube-js/cube's and ravendb/ravendb's tests, connect (src/Raven.Server/Integrations/PostgreSQL/PowerBI/PowerBIConfig.cs)
select character_set_name from INFORMATION_SCHEMA.character_sets
