//! Rewrites `JOIN … USING (column)` and `NATURAL JOIN` as joins with ON conditions.
//!
//! The engine keeps the columns of both sides of such a join. It calls the column's name ambiguous in WHERE, in the
//! conditions of later joins and after a third table, takes the left side's value also where only the right side has
//! one (RIGHT and FULL JOIN), and `*` keeps the column of the table that comes first in the alphabet. So PostgreSQL's
//! meaning is written out: the name is the left side's column (the right side's in a RIGHT JOIN, the first that is not
//! NULL in a FULL JOIN), and `*` gives it once, first.
//!
//! Where a side has several tables, the columns of all but one must be known. Otherwise the statement is planned
//! unchanged, or refused where the engine would give another value.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::Fields;
use datafusion::common::{Result, TableReference, plan_err};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, OrderBy, OrderByKind,
    Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement, TableAlias, TableFactor,
    TableWithJoins, Value, VisitMut, Visitor, VisitorMut, WildcardAdditionalOptions,
};

use super::super::syntax::{call, kept, literal, operation};
use super::whole_rows::whole_rows;
use crate::engine::dialect::walk::{walk, walk_mut};

/// Plans a statement in a session, after rewriting its whole-row values and its joins.
///
/// # Errors
/// Where it cannot be planned, or the columns of an outer join by column names are not known.
pub async fn plan(state: &SessionState, mut statement: EngineStatement) -> Result<LogicalPlan> {
    if let Some(sql) = sql_of(&mut statement) {
        whole_rows(state, sql).await;
    }
    if sql_of(&mut statement).is_some_and(|sql| joins_columns(sql)) {
        let tables = TableColumns::of(state, &statement).await?;
        if let Some(sql) = sql_of(&mut statement) {
            rewrite(sql, tables)?;
        }
    }
    state.statement_to_plan(statement).await
}

fn sql_of(statement: &mut EngineStatement) -> Option<&mut Statement> {
    match statement {
        EngineStatement::Statement(sql) => Some(sql.as_mut()),
        EngineStatement::Explain(explained) => sql_of(explained.statement.as_mut()),
        _ => None,
    }
}

/// Whether a statement has a join by column names.
fn joins_columns(statement: &Statement) -> bool {
    struct JoinFinder;

    impl Visitor for JoinFinder {
        type Break = ();

        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            match select.from.iter().any(joins_by_name) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }

    walk(statement, &mut JoinFinder).is_break()
}

fn joins_by_name(item: &TableWithJoins) -> bool {
    any_join(item, &|operator: &JoinOperator| match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => is_by_name(constraint),
        _ => false,
    })
}

/// Whether the engine would give another value than PostgreSQL: NULL of the side that has no row.
fn means_another(select: &Select) -> bool {
    let gives_all = select
        .projection
        .iter()
        .any(|item| matches!(item, SelectItem::Wildcard(_)));
    let is_outer = |operator: &JoinOperator| match operator {
        JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => is_by_name(constraint),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => gives_all && is_by_name(constraint),
        _ => false,
    };
    select.from.iter().any(|item| any_join(item, &is_outer))
}

fn is_by_name(constraint: &JoinConstraint) -> bool {
    matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural)
}

/// Whether a join is by column names, also within parentheses.
fn any_join(item: &TableWithJoins, is_wanted: &dyn Fn(&JoinOperator) -> bool) -> bool {
    let in_brackets = |relation: &TableFactor| match relation {
        TableFactor::NestedJoin { table_with_joins, .. } => any_join(table_with_joins, is_wanted),
        _ => false,
    };
    let mut joins = item.joins.iter();
    in_brackets(&item.relation) || joins.any(|join| is_wanted(&join.join_operator) || in_brackets(&join.relation))
}

/// The known columns of the tables that a statement reads.
struct TableColumns {
    of_catalog: HashMap<TableReference, Vec<String>>,
    /// The columns of the tables of WITH. A name that several tables have is not known.
    of_with: HashMap<String, Option<Vec<String>>>,
    is_normalized: bool,
}

impl TableColumns {
    async fn of(state: &SessionState, statement: &EngineStatement) -> Result<Self> {
        let mut of_catalog = HashMap::new();
        for reference in state.resolve_table_references(statement)? {
            if let Ok(schema) = state.schema_for_ref(reference.clone())
                && let Some(table) = schema.table(reference.table()).await?
            {
                of_catalog.insert(reference, names_of(table.schema().fields()));
            }
        }
        Ok(Self {
            of_catalog,
            of_with: HashMap::new(),
            is_normalized: state.config_options().sql_parser.enable_ident_normalization,
        })
    }

    /// Adds the tables of a query's WITH.
    fn add_with(&mut self, query: &Query) {
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            let columns = renamed(self.of_query(&table.query), &table.alias);
            self.of_with
                .entry(kept(&table.alias.name))
                .and_modify(|known| *known = None)
                .or_insert(columns);
        }
    }

    fn of_table(&self, name: &ObjectName) -> Option<Vec<String>> {
        let with = match name.0.as_slice() {
            [part] => part.as_ident().and_then(|name| self.of_with.get(&kept(name))),
            _ => None,
        };
        let reference = object_name_to_table_reference(name.clone(), self.is_normalized).ok()?;
        match (with, self.of_catalog.get(&reference)) {
            (Some(with), None) => with.clone(),
            (None, Some(columns)) => Some(columns.clone()),
            // A name that is both a table of WITH and a table of the catalog: which one is meant depends on the place.
            _ => None,
        }
    }

    fn of_query(&self, query: &Query) -> Option<Vec<String>> {
        self.of_body(&query.body)
    }

    fn of_body(&self, body: &SetExpr) -> Option<Vec<String>> {
        match body {
            SetExpr::Select(select) => self.of_select(select),
            SetExpr::Query(query) => self.of_query(query),
            SetExpr::SetOperation { left, .. } => self.of_body(left),
            SetExpr::Values(values) => {
                let columns = values.rows.first()?.len();
                Some((1..=columns).map(|place| format!("column{place}")).collect())
            }
            _ => None,
        }
    }

    fn of_select(&self, select: &Select) -> Option<Vec<String>> {
        let mut names = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) => names.push(kept(last_name(expr)?)),
                SelectItem::ExprWithAlias { alias, .. } => names.push(kept(alias)),
                SelectItem::Wildcard(options) if *options == WildcardAdditionalOptions::default() => {
                    let rewriter = FromRewriter {
                        tables: self,
                        names_tables: false,
                    };
                    for item in &select.from {
                        names.extend(columns_of(&rewriter.of_item(&mut item.clone())?)?);
                    }
                }
                _ => return None,
            }
        }
        Some(names)
    }
}

fn names_of(fields: &Fields) -> Vec<String> {
    fields.iter().map(|field| field.name().clone()).collect()
}

/// Columns by the names that an alias gives them.
fn renamed(columns: Option<Vec<String>>, alias: &TableAlias) -> Option<Vec<String>> {
    let columns = columns?;
    let given = alias.columns.iter().map(|column| kept(&column.name));
    let rest = columns.into_iter().skip(alias.columns.len());
    Some(given.chain(rest).collect())
}

/// The name of a column, within brackets or behind a table's.
fn last_name(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        Expr::Nested(inner) => last_name(inner),
        _ => None,
    }
}

/// The columns of FROM, in the order of `*`.
#[derive(Debug)]
enum Part {
    /// A column of both sides of a join, and its value.
    Joined { column: Ident, value: Box<Expr> },
    /// The columns of a table, where they are known, without those that are joined.
    Table {
        name: Ident,
        columns: Option<Vec<String>>,
        without: Vec<Ident>,
    },
}

impl Part {
    /// Whether it has a column of a name, where that is known.
    fn has(&self, name: &str) -> Option<bool> {
        match self {
            Self::Joined { column, .. } => Some(kept(column) == name),
            Self::Table { without, .. } if without.iter().any(|joined| kept(joined) == name) => Some(false),
            Self::Table { columns, .. } => columns
                .as_ref()
                .map(|columns| columns.iter().any(|column| column == name)),
        }
    }

    /// The column as an item of a SELECT list.
    fn item(&self) -> SelectItem {
        match self {
            Self::Joined { column, value } => SelectItem::ExprWithAlias {
                expr: value.as_ref().clone(),
                alias: column.clone(),
            },
            Self::Table { name, without, .. } => {
                // The engine compares these names as they are written.
                let excluded = without
                    .iter()
                    .map(|column| ObjectName::from(vec![Ident::with_quote('"', kept(column))]));
                let options = WildcardAdditionalOptions {
                    opt_exclude: (!without.is_empty()).then(|| ExcludeSelectItem::Multiple(excluded.collect())),
                    ..WildcardAdditionalOptions::default()
                };
                let table = ObjectName::from(vec![name.clone()]);
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(table), options)
            }
        }
    }
}

/// The names of all columns, where all are known.
fn columns_of(parts: &[Part]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for part in parts {
        match part {
            Part::Joined { column, .. } => names.push(kept(column)),
            Part::Table { columns, without, .. } => {
                let without: HashSet<String> = without.iter().map(kept).collect();
                names.extend(
                    columns
                        .iter()
                        .flatten()
                        .filter(|name| !without.contains(*name))
                        .cloned(),
                );
                columns.as_ref()?;
            }
        }
    }
    Some(names)
}

/// The columns that joins have in common, with their values, where the name means nothing else.
fn joined_of(parts: &[Part]) -> HashMap<String, Expr> {
    let mut joined = HashMap::new();
    for part in parts {
        if let Part::Joined { column, value } = part {
            let name = kept(column);
            let is_one = parts.iter().filter(|part| part.has(&name) == Some(true)).count() == 1;
            if is_one {
                joined.insert(name, value.as_ref().clone());
            }
        }
    }
    joined
}

/// Rewrites the joins of a FROM clause.
struct FromRewriter<'a> {
    tables: &'a TableColumns,
    /// Whether tables get the last part of their name as an alias, by which all their columns can be asked for.
    names_tables: bool,
}

impl FromRewriter<'_> {
    /// The columns of one item of FROM, after its joins are rewritten.
    fn of_item(&self, item: &mut TableWithJoins) -> Option<Vec<Part>> {
        let mut parts = self.of_relation(&mut item.relation)?;
        for join in &mut item.joins {
            let right = self.of_relation(&mut join.relation)?;
            parts = joined(parts, right, &mut join.join_operator)?;
        }
        Some(parts)
    }

    fn of_relation(&self, relation: &mut TableFactor) -> Option<Vec<Part>> {
        let (name, columns) = match relation {
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => return self.of_item(table_with_joins.as_mut()),
            TableFactor::Table {
                name,
                alias: Some(alias),
                args,
                ..
            } => {
                let columns = if args.is_none() {
                    self.tables.of_table(name)
                } else {
                    None
                };
                (alias.name.clone(), renamed(columns, alias))
            }
            TableFactor::Table {
                name,
                alias,
                args: None,
                ..
            } => {
                let columns = self.tables.of_table(name);
                let last = name.0.last()?.as_ident()?.clone();
                if self.names_tables && name.0.len() > 1 {
                    *alias = Some(TableAlias {
                        explicit: true,
                        name: last.clone(),
                        columns: Vec::new(),
                        at: None,
                    });
                }
                (last, columns)
            }
            TableFactor::Derived {
                subquery,
                alias: Some(alias),
                ..
            } => (alias.name.clone(), renamed(self.tables.of_query(subquery), alias)),
            TableFactor::Function { alias: Some(alias), .. } | TableFactor::UNNEST { alias: Some(alias), .. } => {
                (alias.name.clone(), None)
            }
            _ => return None,
        };
        Some(vec![Part::Table {
            name,
            columns,
            without: Vec::new(),
        }])
    }
}

/// The side whose value a joined column has.
#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
    FirstKnown,
}

/// The side that joined columns come from, and the constraint of the join; `None` for other kinds of joins.
fn side_of(operator: &mut JoinOperator) -> Option<(Side, &mut JoinConstraint)> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::CrossJoin(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint) => Some((Side::Left, constraint)),
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => Some((Side::Right, constraint)),
        JoinOperator::FullOuter(constraint) => Some((Side::FirstKnown, constraint)),
        _ => None,
    }
}

/// The columns of a join, after it is rewritten to an ON condition.
fn joined(mut left: Vec<Part>, mut right: Vec<Part>, operator: &mut JoinOperator) -> Option<Vec<Part>> {
    let (side, constraint) = side_of(operator)?;
    let columns: Vec<Ident> = match &mut *constraint {
        JoinConstraint::Using(names) => names.iter().map(one_name).collect::<Option<_>>()?,
        JoinConstraint::Natural => {
            let others = columns_of(&right)?;
            let common = columns_of(&left)?.into_iter().filter(|name| others.contains(name));
            common.map(|name| Ident::with_quote('"', name)).collect()
        }
        JoinConstraint::On(condition) => {
            left.extend(right);
            put_names(condition, &joined_of(&left));
            return Some(left);
        }
        JoinConstraint::None => {
            left.extend(right);
            return Some(left);
        }
    };
    let mut condition = None;
    let mut parts = Vec::with_capacity(columns.len() + left.len() + right.len());
    for column in columns {
        let (one, other) = (taken(&mut left, &column)?, taken(&mut right, &column)?);
        let is_equal = operation(one.clone(), BinaryOperator::Eq, other.clone());
        condition = Some(match condition {
            Some(before) => operation(before, BinaryOperator::And, is_equal),
            None => is_equal,
        });
        let value = match side {
            Side::Left => one,
            Side::Right => other,
            Side::FirstKnown => call("coalesce", vec![one, other]),
        };
        parts.push(Part::Joined {
            column,
            value: Box::new(value),
        });
    }
    // A natural join of tables without a common column joins all rows.
    *constraint = JoinConstraint::On(condition.unwrap_or_else(|| literal(Value::Boolean(true))));
    parts.extend(left);
    parts.extend(right);
    Some(parts)
}

fn one_name(name: &ObjectName) -> Option<Ident> {
    match name.0.as_slice() {
        [part] => part.as_ident().cloned(),
        _ => None,
    }
}

/// The value of a column on one side of a join; `None` where it is ambiguous.
fn taken(parts: &mut Vec<Part>, column: &Ident) -> Option<Expr> {
    let name = kept(column);
    let places = |wanted: Option<bool>| -> Vec<usize> {
        let found = parts.iter().enumerate().filter(|(_, part)| part.has(&name) == wanted);
        found.map(|(place, _)| place).collect()
    };
    let place = match (places(Some(true)).as_slice(), places(None).as_slice()) {
        ([place], _) | ([], [place]) => *place,
        _ => return None,
    };
    if let Some(Part::Table { name, without, .. }) = parts.get_mut(place) {
        without.push(column.clone());
        return Some(Expr::CompoundIdentifier(vec![name.clone(), column.clone()]));
    }
    match parts.remove(place) {
        Part::Joined { value, .. } => Some(*value),
        Part::Table { .. } => None,
    }
}

fn rewrite(statement: &mut Statement, tables: TableColumns) -> Result<()> {
    struct QueryRewriter(TableColumns);

    impl VisitorMut for QueryRewriter {
        type Break = DataFusionError;

        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<DataFusionError> {
            self.0.add_with(query);
            match put_body(&mut query.body, query.order_by.as_mut(), &self.0) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => ControlFlow::Break(error),
            }
        }
    }

    match walk_mut(statement, &mut QueryRewriter(tables)) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn put_body(body: &mut SetExpr, order: Option<&mut OrderBy>, tables: &TableColumns) -> Result<()> {
    match body {
        SetExpr::Select(select) => {
            // Where the column is ambiguous, nothing was changed.
            if put_select(select, order, tables).is_none() && means_another(select) {
                return plan_err!(
                    "it cannot be told which columns this USING or NATURAL JOIN joins; write ON, and the tables of columns before their \
                     names"
                );
            }
            Ok(())
        }
        SetExpr::SetOperation { left, right, .. } => {
            put_body(left, None, tables)?;
            put_body(right, None, tables)
        }
        _ => Ok(()),
    }
}

fn put_select(select: &mut Select, order: Option<&mut OrderBy>, tables: &TableColumns) -> Option<()> {
    let is_partial = |item: &SelectItem| match item {
        SelectItem::Wildcard(options) => *options != WildcardAdditionalOptions::default(),
        _ => false,
    };
    if !select.from.iter().any(joins_by_name) || select.projection.iter().any(is_partial) {
        return None;
    }
    let is_all = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_));
    let names_tables = select.projection.iter().any(is_all);
    let rewriter = FromRewriter { tables, names_tables };
    let mut from = select.from.clone();
    let mut parts = Vec::new();
    for item in &mut from {
        let is_needed = names_tables || joins_by_name(item);
        match rewriter.of_item(item) {
            Some(of_item) => parts.extend(of_item),
            None if is_needed => return None,
            None => {}
        }
    }
    let names: Vec<String> = parts.iter().filter_map(table_name).collect();
    if names.iter().collect::<HashSet<_>>().len() < names.len() {
        return None;
    }
    let columns = joined_of(&parts);
    for item in std::mem::take(&mut select.projection) {
        match item {
            SelectItem::Wildcard(_) => select.projection.extend(parts.iter().map(Part::item)),
            SelectItem::UnnamedExpr(expr) => select.projection.push(named(expr, &columns)),
            item => select.projection.push(item),
        }
    }
    // The conditions of joins have names of their own.
    select.from = Vec::new();
    put_names(select, &columns);
    select.from = from;
    if let Some(order) = order {
        put_order(order, &select.projection, &columns);
    }
    Some(())
}

fn table_name(part: &Part) -> Option<String> {
    match part {
        Part::Table { name, .. } => Some(kept(name)),
        Part::Joined { .. } => None,
    }
}

/// A joined column keeps its name, whatever its value is.
fn named(expr: Expr, columns: &HashMap<String, Expr>) -> SelectItem {
    let mut inner = &expr;
    while let Expr::Nested(nested) = inner {
        inner = nested;
    }
    let alias = match inner {
        Expr::Identifier(name) if columns.contains_key(&kept(name)) => Some(name.clone()),
        _ => None,
    };
    match alias {
        Some(alias) => SelectItem::ExprWithAlias { expr, alias },
        None => SelectItem::UnnamedExpr(expr),
    }
}

/// Puts the values of joined columns in the place of their names, but not in subqueries, whose tables may have such
/// columns.
fn put_names<T: VisitMut>(node: &mut T, columns: &HashMap<String, Expr>) {
    struct NameReplacer<'a> {
        columns: &'a HashMap<String, Expr>,
        subqueries: usize,
    }

    impl VisitorMut for NameReplacer<'_> {
        type Break = ();

        fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.subqueries += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.subqueries -= 1;
            ControlFlow::Continue(())
        }

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if self.subqueries == 0
                && let Expr::Identifier(name) = expr
                && let Some(value) = self.columns.get(&kept(name))
            {
                *expr = value.clone();
            }
            ControlFlow::Continue(())
        }
    }

    let mut replacer = NameReplacer { columns, subqueries: 0 };
    let _ = walk_mut(node, &mut replacer);
}

/// A name alone is that of a column of the result first, and within an expression that of a table's column.
fn put_order(order: &mut OrderBy, items: &[SelectItem], columns: &HashMap<String, Expr>) {
    let OrderByKind::Expressions(keys) = &mut order.kind else {
        return;
    };
    for key in keys {
        if let Expr::Identifier(name) = &key.expr {
            let name = kept(name);
            let of_item = |item: &SelectItem| match item {
                SelectItem::ExprWithAlias { alias, expr } if kept(alias) == name => Some(expr.clone()),
                SelectItem::UnnamedExpr(expr) if last_name(expr).is_some_and(|last| kept(last) == name) => {
                    Some(expr.clone())
                }
                _ => None,
            };
            match items.iter().find_map(of_item) {
                Some(expr) if last_name(&expr).is_some_and(|last| kept(last) == name) => key.expr = expr,
                Some(_) => {}
                None if items.iter().any(is_all_of_a_table) => {}
                None => put_names(&mut key.expr, columns),
            }
        } else {
            put_names(&mut key.expr, columns);
        }
    }
}

/// All columns of a table, among which may be one of any name.
fn is_all_of_a_table(item: &SelectItem) -> bool {
    matches!(item, SelectItem::QualifiedWildcard(_, options) if options.opt_exclude.is_none())
}

#[cfg(test)]
mod tests {
    use super::super::tried::rows;

    #[tokio::test]
    async fn a_joined_column_has_the_value_of_postgresql() {
        for (sql, expected) in [
            (
                "select batch, score from batches join learners using (batch) where batch = 'a' order by batch, score",
                vec!["a 1", "a 2", "a 3"],
            ),
            (
                "select batch from batches left join learners using (batch) where name is null order by batch",
                vec!["b", "d"],
            ),
            (
                "select count(*) from batches right join learners using (batch) where batch is null",
                vec!["1"],
            ),
            (
                "select c from (values (1)) a(c) right join (values (1), (2)) b(c) using (c) order by c",
                vec!["1", "2"],
            ),
            (
                "select c, count(*) from (values (1), (2)) a(c) full join (values (2), (3)) b(c) using (c) \
                 group by c order by c desc",
                vec!["3 1", "2 1", "1 1"],
            ),
            (
                "select batch, count(*) from learners join (select batch from batches) b using (batch) \
                 group by batch having batch <> 'c' order by count(*)",
                vec!["a 3"],
            ),
            (
                "select name from learners where name in \
                 (select name from batches join learners l using (batch) where batch = 'c') order by name",
                vec!["di", "ed", "fy"],
            ),
            (
                "select l.batch from batches b left join learners l using (batch) order by batch nulls first limit 1",
                vec![""],
            ),
            (
                "select b.batch from batches b left join learners l using (batch) where l.batch is null order by 1",
                vec!["b", "d"],
            ),
        ] {
            assert_eq!(rows(sql).await.expect(sql), expected, "{sql}");
        }
    }

    #[tokio::test]
    async fn several_joins_share_a_column() {
        for (sql, expected) in [
            (
                "select * from (values (1, 'x')) z(c, p) join (values (1, 'y')) a(c, q) using (c) \
                 left join (values (1, 2)) m(c, r) using (c) where c = 1",
                vec!["1 x y 2"],
            ),
            (
                "select name, e, c from (values (1, 'n')) a(c, name) join (values (1, 5)) b(c, e) using (c) \
                 join (values (5, 'm')) d(e, g) using (e) where e = 5 and c = 1",
                vec!["n 5 1"],
            ),
            (
                "select c from (values (1)) a(c) full join (values (2)) b(c) using (c) \
                 full join (values (2), (3)) d(c) using (c) order by c",
                vec!["1", "2", "3"],
            ),
            (
                "select c, e from (values (1)) a(c) join (values (1)) b(c) using (c) \
                 join (values (1, 7), (2, 8)) d(f, e) on c = f where c = 1",
                vec!["1 7"],
            ),
            (
                "with b as (select 1 as c), d as (select 1 as c) select c, p from (values (1, 'x')) a(c, p) \
                 join (b join d using (c)) using (c) where c = 1",
                vec!["1 x"],
            ),
        ] {
            assert_eq!(rows(sql).await.expect(sql), expected, "{sql}");
        }
    }

    #[tokio::test]
    async fn a_joined_column_is_shown_once_and_first() {
        for (sql, expected) in [
            (
                "select * from (values ('x', 1)) z(p, c) left join (values (2, 'y')) a(c, q) using (c)",
                vec!["1 x"],
            ),
            (
                "select * from (values (1, 2, 'x')) a(c, d, p) natural full join (values (1, 3, 'y')) b(c, d, q) \
                 order by c, d",
                vec!["1 2 x", "1 3  y"],
            ),
            (
                "select d from (values (1, 2)) a(c, d) natural join (values (1, 'y')) b(c, q) where c = 1",
                vec!["2"],
            ),
            (
                "select * from (values (1)) a(c) natural join (values (2)) b(d)",
                vec!["1 2"],
            ),
            (
                "select c.* from (select * from (values (1, 2)) a(x, y) join (values (1, 3)) b(x, z) using (x)) c",
                vec!["1 2 3"],
            ),
        ] {
            assert_eq!(rows(sql).await.expect(sql), expected, "{sql}");
        }
    }

    #[tokio::test]
    async fn a_name_of_two_tables_stays_ambiguous() {
        let sql = "select c from (values (1)) a(c) join (values (1)) b(c) using (c), (values (1)) d(c) where c = 1";
        assert!(rows(sql).await.is_err());
    }

    #[tokio::test]
    async fn an_outer_join_that_cannot_be_told_is_refused() {
        let sql = "select c from (values (1)) a(c) full join (select 1 as c) using (c)";
        let error = rows(sql).await.expect_err(sql);
        assert!(error.to_string().contains("USING"), "{error}");
    }
}
