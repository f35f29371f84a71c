//! Names of result columns: PostgreSQL's, such as `count`, `int4` or `?column?`, for what a statement does not name.
//!
//! The engine allows no two columns of one name. The second and later ones get a number behind a letter that no name has;
//! [`shown_name`] takes it off where clients see the names.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, Query, SelectItem, SetExpr, Statement, TrimWhereField, TypedString, VisitorMut,
};

use super::super::syntax::plain;
use super::super::type_names;
use crate::engine::dialect::walk::walk_mut;

/// The mark before the number of a repeated name: a character of the private use area.
const REPEATED: char = '\u{F8FF}';
/// The name of an expression without a name.
const UNNAMED: &str = "?column?";

/// A column's name without the mark of a repeated one.
pub fn shown_name(name: &str) -> &str {
    name.split_once(REPEATED).map_or(name, |(shown, _)| shown)
}

/// The position of a repeated column among those of its name.
pub fn times_repeated(name: &str) -> Option<usize> {
    name.split_once(REPEATED)?.1.parse().ok()
}

/// The origin of a name: the name of a cast expression takes precedence over that of the type, unless it is a type's
/// name itself.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Strength {
    Weak,
    Strong,
}

/// Names the columns of every SELECT of a statement.
pub fn name_columns(statement: &mut Statement) {
    struct ColumnNamer;

    impl VisitorMut for ColumnNamer {
        type Break = ();

        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
            name_body(&mut query.body);
            ControlFlow::Continue(())
        }
    }

    let _ = walk_mut(statement, &mut ColumnNamer);
}

fn name_body(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => name_items(&mut select.projection),
        SetExpr::SetOperation { left, right, .. } => {
            name_body(left);
            name_body(right);
        }
        _ => {}
    }
}

fn name_items(items: &mut [SelectItem]) {
    let mut used: HashMap<String, usize> = HashMap::new();
    for item in items {
        let (name, is_column) = match item {
            SelectItem::UnnamedExpr(expr) => (name_of(expr), is_column(expr)),
            SelectItem::ExprWithAlias { alias, .. } => (normal(alias), false),
            _ => continue,
        };
        let earlier = used.entry(name.clone()).or_insert(0);
        *earlier += 1;
        let alias = match *earlier {
            1 => Ident::with_quote('"', name),
            number => Ident::with_quote('"', format!("{name}{REPEATED}{number}")),
        };
        match item {
            SelectItem::UnnamedExpr(_) if is_column && *earlier == 1 => {}
            SelectItem::UnnamedExpr(expr) => {
                *item = SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias,
                };
            }
            SelectItem::ExprWithAlias { alias: given, .. } if *earlier > 1 => *given = alias,
            _ => {}
        }
    }
}

fn is_column(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        Expr::Nested(inner) => is_column(inner),
        _ => false,
    }
}

fn normal(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

/// The name of a column that the statement does not name.
pub fn name_of(expr: &Expr) -> String {
    found(expr).map_or_else(|| UNNAMED.to_owned(), |(name, _)| name)
}

fn found(expr: &Expr) -> Option<(String, Strength)> {
    let strong = |name: &str| Some((name.to_owned(), Strength::Strong));
    let weak = |name: &str| Some((name.to_owned(), Strength::Weak));
    match expr {
        Expr::Identifier(name) => Some((normal(name), Strength::Strong)),
        Expr::CompoundIdentifier(names) => names.last().map(|name| (normal(name), Strength::Strong)),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => found(inner),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let field = access_chain.iter().rev().find_map(|access| match access {
                AccessExpr::Dot(field) => found(field),
                AccessExpr::Subscript(_) => None,
            });
            field.or_else(|| found(root))
        }
        Expr::Function(function) => {
            let name = plain(&function.name);
            strong(name.rsplit('.').next().unwrap_or(&name))
        }
        Expr::Cast { expr, data_type, .. } => match found(expr) {
            Some((name, Strength::Strong)) => Some((name, Strength::Strong)),
            _ => weak(&type_names::of_sql(data_type)),
        },
        Expr::TypedString(TypedString { data_type, .. }) => weak(&type_names::of_sql(data_type)),
        Expr::Interval(_) => weak("interval"),
        Expr::Case { else_result, .. } => match else_result.as_deref().and_then(found) {
            Some((name, Strength::Strong)) => Some((name, Strength::Strong)),
            _ => weak("case"),
        },
        Expr::Subquery(query) => of_query(&query.body).map(|name| (name, Strength::Strong)),
        Expr::AtTimeZone { .. } => strong("timezone"),
        Expr::Exists { .. } => strong("exists"),
        Expr::Array(_) => strong("array"),
        Expr::Tuple(_) => strong("row"),
        Expr::Extract { .. } => strong("extract"),
        Expr::Position { .. } => strong("position"),
        Expr::Overlay { .. } => strong("overlay"),
        Expr::Substring { shorthand: true, .. } => strong("substr"),
        Expr::Substring { .. } => strong("substring"),
        Expr::Ceil { .. } => strong("ceil"),
        Expr::Floor { .. } => strong("floor"),
        Expr::Trim { trim_where, .. } => strong(match trim_where {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        }),
        _ => None,
    }
}

/// The name of a subquery's first column.
fn of_query(body: &SetExpr) -> Option<String> {
    match body {
        SetExpr::Select(select) => match select.projection.first()? {
            SelectItem::UnnamedExpr(expr) => Some(name_of(expr)),
            SelectItem::ExprWithAlias { alias, .. } => Some(normal(alias)),
            _ => None,
        },
        SetExpr::SetOperation { left, .. } => of_query(left),
        SetExpr::Query(query) => of_query(&query.body),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn named(sql: &str) -> String {
        let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
        name_columns(&mut statements[0]);
        statements[0].to_string()
    }

    #[test]
    fn columns_are_named_as_postgresql_names_them() {
        for (column, expected) in [
            ("count(*)", "count"),
            ("pg_catalog.version()", "version"),
            ("a + 1", "?column?"),
            ("1", "?column?"),
            ("'x'", "?column?"),
            ("null", "?column?"),
            ("true", "?column?"),
            ("a is null", "?column?"),
            ("2.5::int", "int4"),
            ("'2026-01-01'::date", "date"),
            ("date '2026-01-01'", "date"),
            ("timestamptz '2026-01-01'", "timestamptz"),
            ("a::int::text", "a"),
            ("cast(max(a) as numeric(10, 2))", "max"),
            ("1.5::numeric(10, 2)::text", "text"),
            ("interval '1 day'", "interval"),
            ("case when a then 1 else 2 end", "case"),
            ("case when a then 1 else b end", "b"),
            ("(select max(b) from u)", "max"),
            ("exists (select 1)", "exists"),
            ("(array['a', 'b'])[2]", "array"),
            ("tags[1]", "tags"),
            ("\"A\"[1]", "A"),
            ("extract(year from a)", "extract"),
            ("a at time zone 'UTC'", "timezone"),
            ("trim(leading '0' from a)", "ltrim"),
            ("trim(a)", "btrim"),
            ("substr(a, 1)", "substr"),
            ("substring(a from 1 for 2)", "substring"),
            ("position('a' in b)", "position"),
            ("coalesce(a, b)", "coalesce"),
            ("-2.5::int", "?column?"),
            ("Upper(a)", "upper"),
        ] {
            let sql = named(&format!("SELECT {column} FROM t"));
            assert!(sql.contains(&format!(" AS \"{expected}\" FROM t")), "{column}: {sql}");
        }
        for unchanged in ["SELECT a, t.b, (c), * FROM t", "SELECT a AS b FROM t"] {
            assert_eq!(named(unchanged), unchanged);
        }
    }

    #[test]
    fn names_may_be_repeated() {
        let sql = named("SELECT count(*), count(*), a, t.a, 1 AS a FROM t");
        assert_eq!(
            sql,
            "SELECT count(*) AS \"count\", count(*) AS \"count\u{F8FF}2\", a, t.a AS \"a\u{F8FF}2\", 1 AS \"a\u{F8FF}3\" FROM t"
        );
        assert_eq!(shown_name("count\u{F8FF}2"), "count");
        assert_eq!(shown_name("count"), "count");
        assert_eq!((times_repeated("a\u{F8FF}3"), times_repeated("a3")), (Some(3), None));
    }
}
