//! Helpers that recognise and build pieces of SQL in rewrites of statements.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, GroupByExpr, Ident, ObjectName, Query, Select, SelectFlavor, SelectItem,
    SetExpr, Statement, TableAlias, TableAliasColumnDef, TableWithJoins, Value,
};

use super::walk::walk_expressions_mut;

/// A name without quotes, in lower case.
pub fn plain(name: &ObjectName) -> String {
    name.to_string().replace('"', "").to_lowercase()
}

/// A name in its normal form: lower case, unless it is quoted.
pub fn kept(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

/// A function's name, without a leading `pg_catalog`.
pub fn name_of(function: &Function) -> String {
    let name = plain(&function.name);
    name.strip_prefix("pg_catalog.").unwrap_or(&name).to_owned()
}

/// A function of these arguments.
pub fn function(name: &str, args: Vec<FunctionArg>, clauses: Vec<FunctionArgumentClause>) -> Function {
    Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses,
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }
}

/// An argument without a name.
pub fn argument(expr: Expr) -> FunctionArg {
    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
}

/// A call of a function.
pub fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let arguments = arguments.into_iter().map(argument);
    Expr::Function(function(name, arguments.collect(), Vec::new()))
}

/// Two values with an operator between them.
pub fn operation(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    }
}

/// Adds a condition to the WHERE of a SELECT.
pub fn add_condition(select: &mut Select, condition: Expr) {
    select.selection = Some(match select.selection.take() {
        Some(before) => operation(Expr::Nested(Box::new(before)), BinaryOperator::And, condition),
        None => condition,
    });
}

/// Gives the column of a series the name of its alias, where it has none of its own.
pub fn name_column(alias: &mut TableAlias) {
    if alias.columns.is_empty() {
        alias.columns.push(TableAliasColumnDef {
            name: alias.name.clone(),
            data_type: None,
        });
    }
}

/// A value as it is written in a statement.
pub fn literal(value: Value) -> Expr {
    Expr::Value(value.with_empty_span())
}

/// A text as it is written in a statement.
pub fn text(text: &str) -> Expr {
    literal(Value::SingleQuotedString(text.to_owned()))
}

/// `cast(expr as kind)`.
pub fn cast(expr: Expr, kind: DataType) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expr),
        data_type: kind,
        array: false,
        format: None,
    }
}

/// `SELECT item FROM …`.
pub fn select(item: SelectItem, from: Vec<TableWithJoins>) -> Query {
    let select = Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: vec![item],
        exclude: None,
        into: None,
        from,
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    };
    Query {
        with: None,
        body: Box::new(SetExpr::Select(Box::new(select))),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// Rewrites every expression of a statement, inner ones first. Stops at the first error.
///
/// # Errors
/// The first error that `rewrite` returns.
pub fn rewrite_each<E>(
    statement: &mut Statement,
    mut rewrite: impl FnMut(&mut Expr) -> Result<(), E>,
) -> Result<(), E> {
    let visited = walk_expressions_mut(statement, |expr| match rewrite(expr) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    });
    match visited {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The same for a rewrite that cannot fail.
pub fn rewrite_all(statement: &mut Statement, mut rewrite: impl FnMut(&mut Expr)) {
    let _ = walk_expressions_mut(statement, |expr| {
        rewrite(expr);
        ControlFlow::<()>::Continue(())
    });
}
