//! Walks over a statement's syntax tree.
//!
//! The parser's own walk is generic: each type of visitor makes the compiler write it anew for all kinds of nodes, some
//! 600 functions. With one walk for each of our rewrites, they were half of this crate's machine code. Here all visitors
//! are reached through one type, so that there are two walks, one that reads and one that changes.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, Query, Select, Statement, TableFactor, ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};

/// Shows every node below `tree`, and itself, to the visitor.
///
/// Returns what the visitor stopped with, if it did.
pub fn walk<V: Visitor>(tree: &impl Visit, visitor: &mut V) -> ControlFlow<V::Break> {
    let mut hooks = reading::Stoppable::new(visitor);
    #[expect(clippy::disallowed_methods, reason = "this is the one walk that reads")]
    let _ = tree.visit(&mut reading::AnyVisitor(&mut hooks));
    hooks.flow()
}

/// Shows every node below `tree`, and itself, to a visitor that may change it.
///
/// Returns what the visitor stopped with, if it did.
pub fn walk_mut<V: VisitorMut>(tree: &mut impl VisitMut, visitor: &mut V) -> ControlFlow<V::Break> {
    let mut hooks = changing::Stoppable::new(visitor);
    #[expect(clippy::disallowed_methods, reason = "this is the one walk that changes")]
    let _ = tree.visit(&mut changing::AnyVisitor(&mut hooks));
    hooks.flow()
}

/// Calls `change` with every expression below `tree`, inner ones first.
///
/// Returns what `change` stopped with, if it did.
pub fn walk_expressions_mut<B>(
    tree: &mut impl VisitMut,
    change: impl FnMut(&mut Expr) -> ControlFlow<B>,
) -> ControlFlow<B> {
    walk_mut(tree, &mut Expressions(change))
}

struct Expressions<F>(F);

impl<B, F: FnMut(&mut Expr) -> ControlFlow<B>> VisitorMut for Expressions<F> {
    type Break = B;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<B> {
        (self.0)(expr)
    }
}

/// A visitor behind a pointer, for one of the parser's two traits of visitors.
macro_rules! any_visitor {
    ($visitor:ident, $($hook:ident($node:ty)),+ $(,)?) => {
        use super::*;

        /// The hooks of a visitor, of whatever type its value to stop with is.
        pub(super) trait Hooks {
            $(fn $hook(&mut self, node: $node) -> ControlFlow<()>;)+
        }

        /// A visitor, and what it stopped with.
        pub(super) struct Stoppable<'a, V: $visitor> {
            visitor: &'a mut V,
            stopped_with: Option<V::Break>,
        }

        impl<'a, V: $visitor> Stoppable<'a, V> {
            pub(super) fn new(visitor: &'a mut V) -> Self {
                Self { visitor, stopped_with: None }
            }

            pub(super) fn flow(self) -> ControlFlow<V::Break> {
                self.stopped_with.map_or(ControlFlow::Continue(()), ControlFlow::Break)
            }
        }

        impl<V: $visitor> Hooks for Stoppable<'_, V> {
            $(fn $hook(&mut self, node: $node) -> ControlFlow<()> {
                self.visitor.$hook(node).map_break(|value| self.stopped_with = Some(value))
            })+
        }

        /// The one type of visitor that the parser's walk is compiled for.
        pub(super) struct AnyVisitor<'a>(pub(super) &'a mut dyn Hooks);

        impl $visitor for AnyVisitor<'_> {
            type Break = ();

            $(fn $hook(&mut self, node: $node) -> ControlFlow<()> {
                self.0.$hook(node)
            })+
        }
    };
}

/// Calls a macro with the name of a trait of visitors and all of its hooks, whose nodes are references or, with `mut`,
/// mutable ones.
macro_rules! with_hooks {
    ($call:ident, $visitor:ident $(, $mutable:tt)?) => {
        $call!(
            $visitor,
            pre_visit_query(& $($mutable)? Query),
            post_visit_query(& $($mutable)? Query),
            pre_visit_select(& $($mutable)? Select),
            post_visit_select(& $($mutable)? Select),
            pre_visit_relation(& $($mutable)? ObjectName),
            post_visit_relation(& $($mutable)? ObjectName),
            pre_visit_table_factor(& $($mutable)? TableFactor),
            post_visit_table_factor(& $($mutable)? TableFactor),
            pre_visit_expr(& $($mutable)? Expr),
            post_visit_expr(& $($mutable)? Expr),
            pre_visit_statement(& $($mutable)? Statement),
            post_visit_statement(& $($mutable)? Statement),
            pre_visit_value(& $($mutable)? ValueWithSpan),
            post_visit_value(& $($mutable)? ValueWithSpan),
        );
    };
}

mod reading {
    with_hooks!(any_visitor, Visitor);
}

mod changing {
    with_hooks!(any_visitor, VisitorMut, mut);
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn parsed(sql: &str) -> Statement {
        let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql);
        statements.expect("SQL").remove(0)
    }

    /// Notes every hook that is called, and stops at a table of this name.
    struct Notes {
        stop_at: &'static str,
        seen: Vec<String>,
    }

    macro_rules! noting {
        ($visitor:ident, $($hook:ident($node:ty)),+ $(,)?) => {
            impl $visitor for Notes {
                type Break = String;

                $(fn $hook(&mut self, node: $node) -> ControlFlow<String> {
                    self.seen.push(format!("{} {node}", stringify!($hook)));
                    if node.to_string() == self.stop_at {
                        return ControlFlow::Break(format!("stopped at {node}"));
                    }
                    ControlFlow::Continue(())
                })+
            }
        };
    }

    with_hooks!(noting, Visitor);
    with_hooks!(noting, VisitorMut, mut);

    fn noting(stop_at: &'static str) -> Notes {
        Notes {
            stop_at,
            seen: Vec::new(),
        }
    }

    const IN_ORDER: [&str; 16] = [
        "pre_visit_statement SELECT a FROM t WHERE 1",
        "pre_visit_query SELECT a FROM t WHERE 1",
        "pre_visit_select SELECT a FROM t WHERE 1",
        "pre_visit_expr a",
        "post_visit_expr a",
        "pre_visit_table_factor t",
        "pre_visit_relation t",
        "post_visit_relation t",
        "post_visit_table_factor t",
        "pre_visit_expr 1",
        "pre_visit_value 1",
        "post_visit_value 1",
        "post_visit_expr 1",
        "post_visit_select SELECT a FROM t WHERE 1",
        "post_visit_query SELECT a FROM t WHERE 1",
        "post_visit_statement SELECT a FROM t WHERE 1",
    ];

    #[test]
    fn every_hook_is_called_in_the_order_of_the_tree() {
        let mut statement = parsed("select a from t where 1");
        let mut reading = noting("");
        assert_eq!(walk(&statement, &mut reading), ControlFlow::Continue(()));
        assert_eq!(reading.seen, IN_ORDER);
        let mut changing = noting("");
        assert_eq!(walk_mut(&mut statement, &mut changing), ControlFlow::Continue(()));
        assert_eq!(changing.seen, IN_ORDER);
    }

    #[test]
    fn a_walk_ends_where_its_visitor_stops() {
        let mut statement = parsed("select a from t where 1");
        let stopped = ControlFlow::Break("stopped at t".to_owned());
        let mut reading = noting("t");
        assert_eq!(walk(&statement, &mut reading), stopped);
        assert_eq!(reading.seen, IN_ORDER[..6]);
        let mut changing = noting("t");
        assert_eq!(walk_mut(&mut statement, &mut changing), stopped);
        assert_eq!(changing.seen, IN_ORDER[..6]);
    }

    #[test]
    fn expressions_are_changed_from_the_inside() {
        let mut statement = parsed("select f(g(a))");
        let mut seen = Vec::new();
        let flow = walk_expressions_mut(&mut statement, |expr| {
            seen.push(expr.to_string());
            if seen.len() == 2 {
                return ControlFlow::Break("enough");
            }
            *expr = Expr::Value(datafusion::sql::sqlparser::ast::Value::Null.with_empty_span());
            ControlFlow::Continue(())
        });
        assert_eq!(flow, ControlFlow::Break("enough"));
        assert_eq!(seen, ["a", "g(NULL)"]);
    }
}
