//! SQL types: those of times are the dialect's, object ids and the like the library's.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, FieldRef};
use datafusion::common::Result;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::DataType as SqlType;
use datafusion_pg_catalog::pg_catalog::oid_type_planner::PgOidTypePlanner;

use crate::engine::dialect::time;

/// Registers the planner of types in a session.
pub fn register(session: &SessionContext) {
    let state = session.state_ref();
    let planned = SessionStateBuilder::new_from_existing(session.state())
        .with_type_planner(Arc::new(Types::default()))
        .build();
    *state.write() = planned;
}

#[derive(Debug, Default)]
struct Types {
    library: PgOidTypePlanner,
}

impl TypePlanner for Types {
    fn plan_type_field(&self, kind: &SqlType) -> Result<Option<FieldRef>> {
        match time::type_of(kind)? {
            Some(time) => Ok(Some(Arc::new(Field::new("", time, true)))),
            None => self.library.plan_type_field(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use super::*;

    #[tokio::test]
    async fn times_and_object_ids_are_both_known() {
        let session = SessionContext::new();
        register(&session);
        for (value, expected) in [
            ("cast(null as timestamptz)", "Timestamp(µs, \"UTC\")"),
            ("cast(null as timestamp)", "Timestamp(µs)"),
            ("cast(null as oid)", "Int32"),
        ] {
            let batches = session
                .sql(&format!("select arrow_typeof({value}) as kind"))
                .await
                .expect(value)
                .collect()
                .await;
            let table = pretty_format_batches(&batches.expect(value)).expect(value).to_string();
            assert!(table.contains(expected), "{value}: {table}");
        }
    }
}
