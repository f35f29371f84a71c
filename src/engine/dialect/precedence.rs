//! The precedence of operators, where the parser's is not PostgreSQL's.
//!
//! The parser reads the right side of `IS DISTINCT FROM` to the end of the condition, so that `a IS DISTINCT FROM b AND c`
//! is `a IS DISTINCT FROM (b AND c)`. And it lets the operators that stand before a value bind more closely than sums, so
//! that `@ -5 + 3` is `(@ -5) + 3`. PostgreSQL has both the other way round.
//!
//! Parentheses are nodes of the tree, and outside of them the parser makes neither an AND or OR that is the last operand
//! of something that binds more closely, nor a sum whose left side ends with such an operator, in any other case. So both
//! are recognised by their shape. The tree must be as it was parsed: other rewrites leave out parentheses.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value, VisitMut};

use super::syntax::literal;
use super::walk::walk_expressions_mut;

/// Gives the operators of a parsed statement or expression PostgreSQL's precedence.
pub fn bind(tree: &mut impl VisitMut) {
    let _ = walk_expressions_mut(tree, |expr| {
        raise_connective(expr);
        lower_prefix(expr);
        ControlFlow::<()>::Continue(())
    });
}

/// The same for a statement of the engine's parser.
pub fn bind_statement(statement: &mut EngineStatement) {
    match statement {
        EngineStatement::Statement(sql) => bind(sql),
        EngineStatement::Explain(explained) => bind_statement(explained.statement.as_mut()),
        _ => {}
    }
}

/// How closely the parts of an expression are bound, as far as it matters to AND and OR.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Closer,
}

fn binding(expr: &Expr) -> Binding {
    match expr {
        Expr::BinaryOp {
            op: BinaryOperator::Or, ..
        } => Binding::Or,
        Expr::BinaryOp {
            op: BinaryOperator::And,
            ..
        } => Binding::And,
        _ => Binding::Closer,
    }
}

/// Whether it is an AND or OR that binds no closer than that.
fn is_connective(expr: &Expr, limit: Binding) -> bool {
    let own = binding(expr);
    own != Binding::Closer && own <= limit
}

/// Puts an expression around the first operand of the ANDs and ORs that are its last operand: `x AND (b OR c)`, without
/// the parentheses, becomes `(x AND b) OR c`. Inner expressions are done before.
fn raise_connective(expr: &mut Expr) {
    let limit = binding(expr);
    let Some(last) = last_operand(expr) else { return };
    if !is_connective(last, limit) {
        return;
    }
    let mut connectives = take(last);
    let first = first_operand(&mut connectives, limit);
    std::mem::swap(last, first);
    *first = take(expr);
    *expr = connectives;
}

/// Puts a sum into the operand of the operator before a value with which its left side ends: `(@ a) + b`, without the
/// parentheses, becomes `@ (a + b)`. Inner expressions are done before.
fn lower_prefix(expr: &mut Expr) {
    let Expr::BinaryOp {
        left,
        op: BinaryOperator::Plus | BinaryOperator::Minus,
        ..
    } = expr
    else {
        return;
    };
    if operand_of_prefix(left.as_mut()).is_none() {
        return;
    }
    let mut whole = take(left.as_mut());
    if let Some(operand) = operand_of_prefix(&mut whole) {
        std::mem::swap(left.as_mut(), operand);
        *operand = take(expr);
    }
    *expr = whole;
}

/// The operand of the operator before a value with which an expression ends.
fn operand_of_prefix(mut expr: &mut Expr) -> Option<&mut Expr> {
    while !is_prefix(expr) {
        expr = last_operand(expr)?;
    }
    last_operand(expr)
}

/// Whether it is an operator before a value, of those that bind as operators of other names do. NOT and the signs of
/// numbers have their own precedence.
fn is_prefix(expr: &Expr) -> bool {
    use UnaryOperator::{BangNot, Minus, Not, PGPostfixFactorial, Plus};
    matches!(expr, Expr::UnaryOp { op, .. } if !matches!(op, BangNot | Minus | Not | PGPostfixFactorial | Plus))
}

/// The operand with which an expression ends, if it ends with one, outside of parentheses.
fn last_operand(expr: &mut Expr) -> Option<&mut Expr> {
    let operand = match expr {
        Expr::BinaryOp { right, .. } => right,
        Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) => right,
        Expr::Between { high, .. } => high,
        Expr::Like {
            pattern,
            escape_char: None,
            ..
        }
        | Expr::ILike {
            pattern,
            escape_char: None,
            ..
        }
        | Expr::SimilarTo {
            pattern,
            escape_char: None,
            ..
        }
        | Expr::RLike { pattern, .. } => pattern,
        Expr::AtTimeZone { time_zone, .. } => time_zone,
        Expr::UnaryOp { op, expr } if *op != UnaryOperator::PGPostfixFactorial => expr,
        _ => return None,
    };
    Some(operand.as_mut())
}

/// The first operand of a chain of ANDs and ORs that bind no closer than `limit`.
fn first_operand(mut chain: &mut Expr, limit: Binding) -> &mut Expr {
    while is_connective(chain, limit) {
        chain = match chain {
            Expr::BinaryOp { left, .. } => left.as_mut(),
            other => return other,
        };
    }
    chain
}

/// Moves an expression out of its place, in which nothing of meaning is left.
fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, literal(Value::Null))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;
    use proptest::prelude::*;

    use super::*;

    /// What an expression is read as, with parentheses around every operation.
    fn read(text: &str) -> String {
        let dialect = PostgreSqlDialect {};
        let mut parser = Parser::new(&dialect)
            .with_recursion_limit(300)
            .try_with_sql(text)
            .expect(text);
        let mut expr = parser.parse_expr().expect(text);
        bind(&mut expr);
        in_parentheses(&expr)
    }

    fn in_parentheses(expr: &Expr) -> String {
        let inner = in_parentheses;
        match expr {
            Expr::Nested(nested) => inner(nested),
            Expr::BinaryOp { left, op, right } => format!("({} {op} {})", inner(left), inner(right)),
            Expr::UnaryOp { op, expr } => format!("({op} {})", inner(expr)),
            Expr::IsNull(value) => format!("({} IS NULL)", inner(value)),
            Expr::IsDistinctFrom(left, right) => format!("({} IS DISTINCT FROM {})", inner(left), inner(right)),
            Expr::IsNotDistinctFrom(left, right) => format!("({} IS NOT DISTINCT FROM {})", inner(left), inner(right)),
            Expr::Between { expr, low, high, .. } => {
                format!("({} BETWEEN {} AND {})", inner(expr), inner(low), inner(high))
            }
            Expr::Like { expr, pattern, .. } => format!("({} LIKE {})", inner(expr), inner(pattern)),
            other => other.to_string(),
        }
    }

    #[test]
    fn a_comparison_with_nulls_ends_before_and_and_or() {
        for (text, expected) in [
            ("p is distinct from q", "(p IS DISTINCT FROM q)"),
            ("p is distinct from q and r", "((p IS DISTINCT FROM q) AND r)"),
            ("p is not distinct from q or r", "((p IS NOT DISTINCT FROM q) OR r)"),
            ("p is distinct from (q and r)", "(p IS DISTINCT FROM (q AND r))"),
            (
                "p and q is distinct from r or s",
                "((p AND (q IS DISTINCT FROM r)) OR s)",
            ),
            (
                "p or q is distinct from r and s",
                "(p OR ((q IS DISTINCT FROM r) AND s))",
            ),
            (
                "p and q and r is distinct from s and t",
                "(((p AND q) AND (r IS DISTINCT FROM s)) AND t)",
            ),
            (
                "p or q is distinct from r and s or t",
                "((p OR ((q IS DISTINCT FROM r) AND s)) OR t)",
            ),
            (
                "p is distinct from q and r is not distinct from s or t",
                "(((p IS DISTINCT FROM q) AND (r IS NOT DISTINCT FROM s)) OR t)",
            ),
            ("not p is distinct from q and r", "((NOT (p IS DISTINCT FROM q)) AND r)"),
            (
                "p = not q is distinct from r or s",
                "((p = (NOT (q IS DISTINCT FROM r))) OR s)",
            ),
            (
                "p like not q is distinct from r and s",
                "((p LIKE (NOT (q IS DISTINCT FROM r))) AND s)",
            ),
            (
                "p between 1 and not q is distinct from r and s",
                "((p BETWEEN 1 AND (NOT (q IS DISTINCT FROM r))) AND s)",
            ),
            (
                "p is distinct from q = r + 1 and s",
                "((p IS DISTINCT FROM (q = (r + 1))) AND s)",
            ),
            ("p between 1 and 2 and q", "((p BETWEEN 1 AND 2) AND q)"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn an_operator_before_a_value_takes_the_whole_sum() {
        for (text, expected) in [
            ("@ p + q", "(@ (p + q))"),
            ("(@ p) + q", "((@ p) + q)"),
            ("@ (p - q) - r", "(@ ((p - q) - r))"),
            ("|/ p - q + r * s", "(|/ ((p - q) + (r * s)))"),
            ("p + ~q - r", "(p + (~ (q - r)))"),
            ("p * ~q + r", "(p * (~ (q + r)))"),
            ("~q || r + s", "((~ q) || (r + s))"),
            ("||/ p * q + r > s", "((||/ ((p * q) + r)) > s)"),
            ("-p + q", "((- p) + q)"),
            ("- @ p + q", "(- (@ (p + q)))"),
            ("p + q", "(p + q)"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn every_expression_of_a_statement_is_bound() {
        let sql = "explain select count(*) filter (where p is distinct from q and r) from t join u on t.p is distinct from \
                   u.p and t.q = u.q where exists (select 1 from v where p is distinct from q or r)";
        let mut statements = DFParser::parse_sql(sql).expect(sql);
        let mut statement = statements.remove(0).expect("a statement");
        bind_statement(&mut statement);
        let EngineStatement::Explain(explained) = &mut statement else {
            panic!("it is an EXPLAIN");
        };
        let EngineStatement::Statement(query) = explained.statement.as_mut() else {
            panic!("it explains SQL");
        };
        let mut found = Vec::new();
        let _ = walk_expressions_mut(query, |expr| {
            if let Expr::IsDistinctFrom(_, right) = expr {
                found.push(right.to_string());
            }
            ControlFlow::<()>::Continue(())
        });
        found.sort_unstable();
        assert_eq!(found, ["q", "q", "u.p"]);
    }

    /// How closely PostgreSQL binds these words and operators.
    fn strength(operator: &str) -> u8 {
        match operator {
            "OR" => 1,
            "AND" => 2,
            "NOT" => 3,
            "=" => 5,
            "+" => 6,
            // Comparisons with NULL.
            _ => 4,
        }
    }

    /// A reader of expressions without parentheses, by the precedence of operators alone.
    struct Reader<'a> {
        words: &'a [&'static str],
        next: usize,
    }

    impl Reader<'_> {
        fn word(&mut self) -> &'static str {
            self.next += 1;
            self.words[self.next - 1]
        }

        /// The expression that comes next, to the first operator that binds no closer than `limit`, in parentheses.
        fn expression(&mut self, limit: u8) -> String {
            let mut read = match self.word() {
                "NOT" => format!("(NOT {})", self.expression(strength("NOT"))),
                name => name.to_owned(),
            };
            while self.words.get(self.next).is_some_and(|next| strength(next) > limit) {
                let operator = self.word();
                read = match operator {
                    "IS NULL" => format!("({read} IS NULL)"),
                    // PostgreSQL refuses one after the other. The parser reads them from the right.
                    "IS DISTINCT FROM" | "IS NOT DISTINCT FROM" => {
                        format!("({read} {operator} {})", self.expression(strength(operator) - 1))
                    }
                    _ => format!("({read} {operator} {})", self.expression(strength(operator))),
                };
            }
            read
        }
    }

    /// The words of a condition without parentheses.
    fn words_of_conditions() -> impl Strategy<Value = Vec<&'static str>> {
        let connectives = vec!["AND", "OR", "=", "+", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"];
        let name = proptest::sample::select(vec!["p", "q", "r", "s"]);
        let connective = proptest::sample::select(connectives);
        let term = (connective, 0..3_usize, name, proptest::bool::weighted(0.1));
        proptest::collection::vec(term, 1..8).prop_map(|terms| {
            let mut words = Vec::new();
            for (place, (connective, negations, name, is_compared)) in terms.into_iter().enumerate() {
                if place > 0 {
                    words.push(connective);
                }
                words.extend(std::iter::repeat_n("NOT", negations));
                words.push(name);
                if is_compared {
                    words.push("IS NULL");
                }
            }
            words
        })
    }

    proptest! {
        #[test]
        fn conditions_are_read_by_the_precedence_of_their_operators(words in words_of_conditions()) {
            let expected = Reader { words: &words, next: 0 }.expression(0);
            prop_assert_eq!(read(&words.join(" ")), expected.clone());
            prop_assert_eq!(read(&expected), expected);
        }
    }
}
