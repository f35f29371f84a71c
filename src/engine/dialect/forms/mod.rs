//! Forms of queries that PostgreSQL has and the engine does not.
//!
//! Some are another notation for what the engine plans: [`rewrite`] rewrites them (`fetch_first`, `names`,
//! `unnested_items`), and [`as_read`] those that the parser does not know (`tables`, `trims`). Whole-row values and
//! joins by column names are rewritten when a statement is planned, because that needs the tables ([`plan`]). The
//! others are planned here: arrays of a row as rows of FROM (`unnest`), the first rows for each row of another table
//! (`lateral`), values computed of each row (`lateral_values`), IN, ANY and ALL of subqueries (`memberships`), and
//! subqueries that are values (`subqueries`, with `key_columns`).

mod fetch_first;
mod joins;
mod key_columns;
mod lateral;
mod lateral_values;
mod memberships;
mod names;
mod subqueries;
mod tables;
mod trims;
mod unnest;
mod unnested_items;
mod whole_rows;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::sql::sqlparser::ast::Statement;
use datafusion::sql::sqlparser::tokenizer::TokenWithSpan;

pub use joins::plan;

/// Rewrites the tokens of statements to a form that the parser knows.
pub fn as_read(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    trims::trims(tables::tables(tokens))
}

/// Rewrites a statement to a form that the engine plans.
///
/// # Errors
/// Where PostgreSQL has no such form, or it cannot be rewritten.
pub fn rewrite(statement: &mut Statement) -> Result<()> {
    names::rewrite(statement);
    unnested_items::rewrite(statement);
    fetch_first::rewrite(statement)
}

/// Adds the planners of the forms to a session that is being built.
pub fn planned(state: SessionStateBuilder) -> SessionStateBuilder {
    state
        .with_relation_planners(vec![Arc::new(unnest::UnnestInFrom)])
        .with_analyzer_rule(Arc::new(unnest::UnnestOfEachRow))
        .with_analyzer_rule(Arc::new(lateral::FirstOfEachRow))
        .with_analyzer_rule(Arc::new(lateral_values::ValuesOfEachRow))
        .with_analyzer_rule(Arc::new(memberships::Memberships))
        .with_analyzer_rule(Arc::new(subqueries::SubqueriesAsValues))
}

/// A session in which the forms can be tried, with two small tables.
#[cfg(test)]
mod tried {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::common::Result;
    use datafusion::execution::SessionStateBuilder;
    use datafusion::prelude::{SessionConfig, SessionContext};
    use datafusion::sql::parser::Statement as EngineStatement;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    const TABLES: [&str; 2] = [
        "create table batches as select * from (values ('a', make_array('x', 'y')), ('b', null), ('c', make_array('z', null)), \
         ('d', array_remove(make_array('x'), 'x'))) t(batch, mentors)",
        "create table learners as select * from (values ('a', 3, 'ann'), ('a', 1, 'bo'), ('a', 2, 'cy'), ('c', 5, 'di'), \
         ('c', null, 'ed'), ('c', 5, 'fy'), (null, 1, 'gi')) t(batch, score, name)",
    ];

    /// The rows of a query, a line each.
    pub async fn rows(sql: &str) -> Result<Vec<String>> {
        let state = SessionStateBuilder::new()
            .with_config(SessionConfig::new().with_target_partitions(2))
            .with_default_features();
        let session = SessionContext::new_with_state(super::planned(state).build());
        for table in TABLES {
            session.sql(table).await?.collect().await?;
        }
        let dialect = PostgreSqlDialect {};
        let tokens = Tokenizer::new(&dialect, sql).tokenize_with_location().expect(sql);
        let mut parser = Parser::new(&dialect).with_tokens_with_locations(super::as_read(tokens));
        let mut statement = parser.parse_statement().expect(sql);
        super::rewrite(&mut statement)?;
        let statement = EngineStatement::Statement(Box::new(statement));
        let plan = super::plan(&session.state(), statement).await?;
        let batches = session.execute_logical_plan(plan).await?.collect().await?;
        let table = pretty_format_batches(&batches)?.to_string();
        let lines = table.lines().filter(|line| line.starts_with('|')).skip(1);
        let cells = |line: &str| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            cells.join(" ").trim_end().to_owned()
        };
        Ok(lines.map(cells).collect())
    }

    #[tokio::test]
    async fn a_session_without_the_forms_is_as_before() {
        assert_eq!(
            rows("select batch from batches order by 1 limit 1")
                .await
                .expect("rows"),
            ["a"]
        );
    }
}
