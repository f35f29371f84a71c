//! A table's name as a value, as in `SELECT row_to_json(t) FROM t`: the whole row, as a record of its columns.
//!
//! Only the planner knows the columns. So where a statement may have such a name, FROM is planned by itself, and the
//! name is replaced by `named_struct('a', t.a, …)`. A column of that name takes precedence, as in PostgreSQL.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Cte, Expr, Ident, JoinConstraint, JoinOperator, Query, Select, SelectItem, SetExpr, Statement,
    TableFactor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::engine::dialect::syntax::{call, kept, text};
use crate::engine::dialect::walk::walk_mut;

/// The limit of nesting of WITH and subqueries in which whole-row values are found.
const ROUNDS: usize = 4;

/// The columns of FROM, each with its table: none where it cannot be planned by itself.
type Columns = Option<Vec<(String, String)>>;

/// Replaces tables' names by records. What cannot be planned is kept, for the planner to refuse.
pub async fn whole_rows(state: &SessionState, statement: &mut Statement) {
    let mut rows = WholeRowRewriter::default();
    for _ in 0..ROUNDS {
        let _ = walk_mut(statement, &mut rows);
        if rows.asked.is_empty() {
            return;
        }
        for from in std::mem::take(&mut rows.asked) {
            let columns = columns_of(state, &from).await;
            rows.known.insert(from, columns);
        }
    }
    let _ = walk_mut(statement, &mut rows);
}

/// The columns of the result of `sql`.
async fn columns_of(state: &SessionState, sql: &str) -> Columns {
    let statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?.pop()?;
    let statement = EngineStatement::Statement(Box::new(statement));
    let plan = state.statement_to_plan(statement).await.ok()?;
    let columns = plan.schema().iter().map(|(table, field)| {
        let table = table.map(|table| table.table().to_owned()).unwrap_or_default();
        (table, field.name().clone())
    });
    Some(columns.collect())
}

/// Replaces tables' names by records, of queries whose columns are known, and collects the other queries.
#[derive(Default)]
struct WholeRowRewriter {
    /// The tables of WITH around a query.
    around: Vec<Vec<Cte>>,
    /// Columns of FROM, by the text of the query that finds them.
    known: HashMap<String, Columns>,
    /// The queries whose columns are to be found next.
    asked: Vec<String>,
}

impl VisitorMut for WholeRowRewriter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let tables = query.with.as_ref().map(|with| with.cte_tables.clone());
        self.around.push(tables.unwrap_or_default());
        self.in_body(&mut query.body);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.around.pop();
        ControlFlow::Continue(())
    }
}

impl WholeRowRewriter {
    fn in_body(&mut self, body: &mut SetExpr) {
        match body {
            SetExpr::Select(select) => self.in_select(select),
            SetExpr::SetOperation { left, right, .. } => {
                self.in_body(left);
                self.in_body(right);
            }
            _ => {}
        }
    }

    fn in_select(&mut self, select: &mut Select) {
        let tables = tables_of(select);
        if tables.is_empty() || !has_name(select, &tables) {
            return;
        }
        let sql = self.question(select);
        let Some(columns) = self.known.get(&sql) else {
            if !self.asked.contains(&sql) {
                self.asked.push(sql);
            }
            return;
        };
        let Some(columns) = columns else {
            return;
        };
        let records: HashMap<String, Expr> = tables
            .into_iter()
            .filter(|table| !columns.iter().any(|(_, column)| *column == table.name))
            .filter_map(|table| Some((table.name.clone(), table.record(columns)?)))
            .collect();
        put(select, &records);
    }

    /// The query of all columns of FROM, with the tables of WITH that it names.
    fn question(&self, select: &Select) -> String {
        let from: Vec<String> = select.from.iter().map(ToString::to_string).collect();
        let mut sql = format!("SELECT * FROM {}", from.join(", "));
        let mut with: Vec<String> = Vec::new();
        // Later ones may name earlier ones.
        for table in self.around.iter().flatten().rev() {
            let name = table.alias.name.value.as_str();
            if is_named(&sql, name) || with.iter().any(|later| is_named(later, name)) {
                with.insert(0, table.to_string());
            }
        }
        if !with.is_empty() {
            sql = format!("WITH {} {sql}", with.join(", "));
        }
        sql
    }
}

/// Whether a text contains a name as a word.
fn is_named(sql: &str, name: &str) -> bool {
    let mut words = sql.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    words.any(|word| word.eq_ignore_ascii_case(name))
}

/// A table of FROM, by the name that its columns have.
struct Table {
    name: String,
    shown: Ident,
    /// The one column of a function that gives values, which is the row itself.
    value: Option<Ident>,
}

impl Table {
    fn of(factor: &TableFactor) -> Option<Self> {
        let (alias, value) = match factor {
            TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
                (alias.name.clone(), None)
            }
            TableFactor::Table { name, alias: None, .. } => (name.0.last()?.as_ident()?.clone(), None),
            TableFactor::UNNEST { alias: Some(alias), .. } => match alias.columns.as_slice() {
                [column] => (alias.name.clone(), Some(column.name.clone())),
                _ => return None,
            },
            _ => return None,
        };
        Some(Self {
            name: kept(&alias),
            shown: alias,
            value,
        })
    }

    fn column(&self, name: Ident) -> Expr {
        Expr::CompoundIdentifier(vec![self.shown.clone(), name])
    }

    /// The row of these columns.
    fn record(&self, columns: &[(String, String)]) -> Option<Expr> {
        if let Some(value) = &self.value {
            return Some(self.column(value.clone()));
        }
        let own = columns.iter().filter(|(table, _)| *table == self.name);
        let fields: Vec<Expr> = own
            .flat_map(|(_, column)| [text(column), self.column(Ident::with_quote('"', column.as_str()))])
            .collect();
        (!fields.is_empty()).then(|| call("named_struct", fields))
    }
}

/// The tables of FROM; none where tables share a column, as with USING, because a row would lack it.
fn tables_of(select: &Select) -> Vec<Table> {
    let mut tables = Vec::new();
    for from in &select.from {
        tables.extend(Table::of(&from.relation));
        for join in &from.joins {
            if is_merged(&join.join_operator) {
                return Vec::new();
            }
            tables.extend(Table::of(&join.relation));
        }
    }
    tables
}

fn is_merged(join: &JoinOperator) -> bool {
    match join {
        JoinOperator::Join(on)
        | JoinOperator::Inner(on)
        | JoinOperator::Left(on)
        | JoinOperator::LeftOuter(on)
        | JoinOperator::Right(on)
        | JoinOperator::RightOuter(on)
        | JoinOperator::FullOuter(on) => matches!(on, JoinConstraint::Using(_) | JoinConstraint::Natural),
        JoinOperator::CrossJoin(_) => false,
        _ => true,
    }
}

/// Whether a table's name is used as a value.
fn has_name(select: &mut Select, tables: &[Table]) -> bool {
    let mut is_found = false;
    each_name(select, |expr| {
        if let Expr::Identifier(name) = expr {
            let name = kept(name);
            is_found = is_found || tables.iter().any(|table| table.name == name);
        }
    });
    is_found
}

fn put(select: &mut Select, records: &HashMap<String, Expr>) {
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(Expr::Identifier(name)) = item
            && let Some(record) = records.get(&kept(name))
        {
            *item = SelectItem::ExprWithAlias {
                alias: Ident::with_quote('"', kept(name)),
                expr: record.clone(),
            };
        }
    }
    each_name(select, |expr| {
        if let Expr::Identifier(name) = expr
            && let Some(record) = records.get(&kept(name))
        {
            *expr = record.clone();
        }
    });
}

/// Visits the expressions of a query, without those of its subqueries and its FROM.
fn each_name(select: &mut Select, look: impl FnMut(&mut Expr)) {
    let mut visitor = ExprVisitor {
        depth: 0,
        is_qualifier: false,
        look,
    };
    for item in &mut select.projection {
        let _ = walk_mut(item, &mut visitor);
    }
    if let Some(condition) = &mut select.selection {
        let _ = walk_mut(condition, &mut visitor);
    }
    if let Some(condition) = &mut select.having {
        let _ = walk_mut(condition, &mut visitor);
    }
}

struct ExprVisitor<L> {
    depth: usize,
    /// Whether the next expression is the table of a column, as in `t.a[1]`.
    is_qualifier: bool,
    look: L,
}

impl<L: FnMut(&mut Expr)> VisitorMut for ExprVisitor<L> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0 && !std::mem::take(&mut self.is_qualifier) {
            (self.look)(expr);
        }
        self.is_qualifier = is_column_with_table(expr);
        ControlFlow::Continue(())
    }
}

/// Whether an expression is a part of a column of the table, such as `t.a[1]`.
fn is_column_with_table(expr: &Expr) -> bool {
    match expr {
        Expr::CompoundFieldAccess { root, access_chain } => {
            matches!(**root, Expr::Identifier(_)) && matches!(access_chain.first(), Some(AccessExpr::Dot(_)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    #[tokio::test]
    async fn names_of_tables_are_records() {
        let session = SessionContext::new();
        let table = session
            .sql("create table t as select 1 as a, 'x' as b")
            .await
            .expect("a table");
        table.collect().await.expect("a table");
        for (sql, expected) in [
            (
                "SELECT t FROM t",
                "SELECT named_struct('a', t.\"a\", 'b', t.\"b\") AS \"t\" FROM t",
            ),
            (
                "SELECT count(u) FROM t AS u",
                "SELECT count(named_struct('a', u.\"a\", 'b', u.\"b\")) FROM t AS u",
            ),
            (
                "WITH w AS (SELECT f(u) AS c FROM t AS u) SELECT a FROM t",
                "WITH w AS (SELECT f(named_struct('a', u.\"a\", 'b', u.\"b\")) AS c FROM t AS u) SELECT a FROM t",
            ),
            (
                "SELECT f(s) FROM (SELECT a AS c FROM t) AS s",
                "SELECT f(named_struct('c', s.\"c\")) FROM (SELECT a AS c FROM t) AS s",
            ),
            (
                "SELECT t.a[1], f(t) FROM t",
                "SELECT t.a[1], f(named_struct('a', t.\"a\", 'b', t.\"b\")) FROM t",
            ),
            // A column takes precedence, and the row of a function that returns values is the value itself.
            ("SELECT b FROM t AS b", "SELECT b FROM t AS b"),
            (
                "SELECT f(e) FROM UNNEST(make_array(1)) AS e (value)",
                "SELECT f(e.value) FROM UNNEST(make_array(1)) AS e (value)",
            ),
            ("SELECT x FROM nowhere AS x", "SELECT x FROM nowhere AS x"),
        ] {
            let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
            whole_rows(&session.state(), &mut statements[0]).await;
            assert_eq!(statements[0].to_string(), expected);
        }
    }
}
