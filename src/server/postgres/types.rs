//! SQL types that the engine would take for others: `timestamptz` keeps its zone, and is UTC where a text names none.
//!
//! Everything else is left to the library's planner of types.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::Result;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::{DataType as SqlType, TimezoneInfo};
use datafusion_pg_catalog::pg_catalog::oid_type_planner::PgOidTypePlanner;

/// Has the types of a session's statements planned so.
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
        let SqlType::Timestamp(precision, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) = kind else {
            return self.library.plan_type_field(kind);
        };
        let unit = match precision {
            Some(0) => TimeUnit::Second,
            Some(1..=3) => TimeUnit::Millisecond,
            None | Some(4..=6) => TimeUnit::Microsecond,
            Some(_) => TimeUnit::Nanosecond,
        };
        let kind = DataType::Timestamp(unit, Some("UTC".into()));
        Ok(Some(Arc::new(Field::new("", kind, true))))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use super::*;

    #[tokio::test]
    async fn moments_keep_their_zone() {
        let session = SessionContext::new();
        register(&session);
        for (moment, expected) in [
            (
                "cast('2026-11-22T10:20:30.5Z' as timestamptz)",
                "2026-11-22T10:20:30.500Z",
            ),
            (
                "'2026-11-22 10:20:30+05:30'::timestamp with time zone",
                "2026-11-22T04:50:30Z",
            ),
            ("timestamptz '2026-11-22 10:20:30'", "2026-11-22T10:20:30Z"),
        ] {
            let batches = session
                .sql(&format!("select {moment} as m"))
                .await
                .expect(moment)
                .collect()
                .await;
            let table = pretty_format_batches(&batches.expect(moment))
                .expect(moment)
                .to_string();
            assert!(table.contains(expected), "{moment}: {table}");
        }
    }
}
