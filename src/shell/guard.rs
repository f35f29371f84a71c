//! Decides which statements are allowed: queries, and statements that create tables or views for the session only.
//!
//! Exports are read only. Everything that writes files, or drops or replaces a table or view of the snapshot, is
//! refused. The plan is checked, wherever the operation is in it: also below EXPLAIN ANALYZE and PREPARE.

use std::collections::BTreeSet;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, TableReference};
use datafusion::logical_expr::{DdlStatement, LogicalPlan};

use crate::engine::TABLE_SCHEMA;

/// A statement that is not allowed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(
        "{0} is not allowed: the exports are read only; write an answer to a file with -o FILE, in the shell \\o FILE"
    )]
    Writes(String),
    #[error("{0} is not allowed; CREATE VIEW and CREATE TABLE … AS make tables for this session")]
    Defines(String),
    #[error("{0} belongs to the snapshot and stays as it is; choose another name")]
    Protected(String),
}

/// Refuses plans that are not read-only. `protected` are the tables and views that the session began with.
pub fn check(plan: &LogicalPlan, protected: &BTreeSet<String>) -> std::result::Result<(), Refusal> {
    let mut refusal = None;
    let visited = plan.apply_with_subqueries(|node| {
        refusal = refusal_of(node, protected);
        Ok(match refusal {
            Some(_) => TreeNodeRecursion::Stop,
            None => TreeNodeRecursion::Continue,
        })
    });
    debug_assert!(Result::is_ok(&visited), "the visitor itself never fails");
    refusal.map_or(Ok(()), Err)
}

fn refusal_of(node: &LogicalPlan, protected: &BTreeSet<String>) -> Option<Refusal> {
    match node {
        LogicalPlan::Dml(dml) => Some(Refusal::Writes(dml.op.name().to_uppercase())),
        LogicalPlan::Copy(_) => Some(Refusal::Writes("COPY".to_owned())),
        LogicalPlan::Ddl(ddl) => match ddl {
            DdlStatement::CreateView(view) => own_name(&view.name, protected),
            DdlStatement::CreateMemoryTable(table) => own_name(&table.name, protected),
            DdlStatement::DropTable(table) => own_name(&table.name, protected),
            DdlStatement::DropView(view) => own_name(&view.name, protected),
            other => Some(Refusal::Defines(spaced(other.name()))),
        },
        _ => None,
    }
}

fn own_name(name: &TableReference, protected: &BTreeSet<String>) -> Option<Refusal> {
    let is_elsewhere = name.schema().is_some_and(|schema| schema != TABLE_SCHEMA);
    let is_protected = is_elsewhere || protected.contains(name.table());
    is_protected.then(|| Refusal::Protected(name.to_string()))
}

/// `CreateExternalTable` as `CREATE EXTERNAL TABLE`.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_uppercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    async fn checked(sql: &str) -> std::result::Result<(), String> {
        let session = SessionContext::new();
        session
            .sql("create table users as select 1 as user_id")
            .await
            .expect("a table");
        let protected = BTreeSet::from(["users".to_owned()]);
        let plan = session
            .state()
            .create_logical_plan(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        check(&plan, &protected).map_err(|refusal| refusal.to_string())
    }

    #[tokio::test]
    async fn questions_and_own_tables_are_allowed() {
        for sql in [
            "select * from users",
            "explain analyze select 1",
            "create view mine as select * from users",
            "create or replace table mine as select 1",
            "drop view mine",
            "drop table mine",
            "set datafusion.execution.batch_size = 10",
            "prepare one as select * from users where user_id = $1",
        ] {
            assert_eq!(checked(sql).await, Ok(()), "{sql}");
        }
    }

    #[tokio::test]
    async fn what_writes_is_refused_wherever_it_stands() {
        for sql in [
            "copy users to 'users.csv'",
            "explain analyze copy (select 1) to 'users.csv'",
            "explain copy (select 1) to 'users.csv'",
            "prepare one as insert into users values (1)",
            "insert into users values (1)",
            "explain analyze insert into users values (1)",
            "delete from users",
            "update users set user_id = 2",
            "create external table other stored as csv location '/tmp/other.csv'",
            "create schema other",
            "create database other",
            "drop table users",
            "drop view users",
            "create or replace view users as select 1",
            "create or replace table public.users as select 1",
            "create view raw.users as select 1",
        ] {
            assert!(checked(sql).await.is_err(), "{sql}");
        }
    }

    #[tokio::test]
    async fn a_refusal_says_what_to_do() {
        let refusals = [
            checked("copy users to 'users.csv'").await,
            checked("create external table other stored as csv location '/tmp/other.csv'").await,
            checked("drop table users").await,
        ];
        insta::assert_snapshot!(refusals.map(Result::unwrap_err).join("\n"), @r"
        COPY is not allowed: the exports are read only; write an answer to a file with -o FILE, in the shell \o FILE
        CREATE EXTERNAL TABLE is not allowed; CREATE VIEW and CREATE TABLE … AS make tables for this session
        users belongs to the snapshot and stays as it is; choose another name
        ");
    }
}
