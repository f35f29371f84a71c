//! The SQL of the views, a file each.

macro_rules! views {
    ($folder:literal: $($name:literal)*) => {
        &[$(($name, include_str!(concat!($folder, "/", $name, ".sql")))),*]
    };
}

/// Laid over the library's tables of the same names, or beside them.
pub const PG_CATALOG: &[(&str, &str)] = views!("pg_catalog":
    "pg_auth_members"
    "pg_attribute"
    "pg_class"
    "pg_constraint"
    "pg_database"
    "pg_index"
    "pg_indexes"
    "pg_namespace"
    "pg_policy"
    "pg_proc"
    "pg_publication_rel"
    "pg_roles"
    "pg_sequences"
    "pg_settings"
    "pg_statistic_ext"
    "pg_tablespace"
    "pg_trigger"
    "pg_type"
    "pg_user"
);

/// All of `information_schema`.
pub const INFORMATION_SCHEMA: &[(&str, &str)] = views!("information_schema":
    "character_sets"
    "check_constraints"
    "columns"
    "constraint_column_usage"
    "domains"
    "information_schema_catalog_name"
    "key_column_usage"
    "parameters"
    "referential_constraints"
    "role_table_grants"
    "routines"
    "schemata"
    "sequences"
    "table_constraints"
    "table_privileges"
    "tables"
    "triggers"
    "views"
);

/// Tables of the library that only administrators read.
pub const HIDDEN: &[&str] = &["pg_authid", "pg_shadow"];

/// Tables that have no rows here, whatever the exports hold.
pub const EMPTY: &[&str] = &[
    "pg_attrdef",
    "pg_auth_members",
    "pg_constraint",
    "pg_index",
    "pg_policy",
    "pg_publication_rel",
    "pg_sequence",
    "pg_statistic_ext",
    "pg_trigger",
];
