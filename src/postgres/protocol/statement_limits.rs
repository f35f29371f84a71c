//! How deep an expression may be, and how large a query: checked before planning.
//!
//! The parser takes `1 + 1 + … + 1` of any length, and makes a tree of it as deep as it is long; walking, copying or
//! dropping that takes a stack as deep. And the planner inlines a WITH wherever it is read, so that forty lines, each
//! of which reads the one before twice, would make a plan of 2^40 nodes.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{ObjectName, Query, Statement, Visitor};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::engine::dialect::walk::walk;
use crate::postgres::error::QueryError;
use crate::postgres::syntax::plain;

/// The limit of nested operators. Lists of values or columns may have any length.
const DEEPEST: usize = 1_000;
/// The depth that brackets with a calculation in them, and powers, count as: they become functions, and the engine's
/// planner finds the name and type of functions within functions anew at every level, in time that grows with the cube
/// of the depth. Other calculations beside each other are one function (`calculate_numbers` of the dialect).
const CALCULATION: usize = 8;
/// The limit of tables that a query reads, each counted as often as it is read.
const MOST_TABLES: u64 = 1_000;

/// Words that make what precedes them an operand of an expression, or a part of a query.
const OPERATORS: [Keyword; 22] = [
    Keyword::AND,
    Keyword::OR,
    Keyword::NOT,
    Keyword::IS,
    Keyword::NOTNULL,
    Keyword::IN,
    Keyword::BETWEEN,
    Keyword::LIKE,
    Keyword::ILIKE,
    Keyword::SIMILAR,
    Keyword::RLIKE,
    Keyword::REGEXP,
    Keyword::AT,
    Keyword::COLLATE,
    Keyword::OPERATOR,
    Keyword::OVERLAPS,
    Keyword::XOR,
    Keyword::DIV,
    Keyword::UNION,
    Keyword::EXCEPT,
    Keyword::INTERSECT,
    Keyword::JOIN,
];

/// The state of a bracketed list that is being read.
#[derive(Default)]
struct Level {
    /// The depth of the item that has not ended yet.
    current: usize,
    /// The greatest depth of the items before it.
    deepest: usize,
    /// Whether an operator calculates here.
    calculates: bool,
}

/// Refuses statements that are deeper than `DEEPEST`.
pub fn check_depth(tokens: &[TokenWithSpan]) -> Result<(), QueryError> {
    let mut outer = Vec::new();
    let mut level = Level::default();
    let mut before = &Token::SemiColon;
    let is_blank = |token: &&TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    for token in tokens.iter().filter(|token| !is_blank(token)) {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => outer.push(std::mem::take(&mut level)),
            Token::RParen | Token::RBracket | Token::RBrace => {
                let around = if level.calculates { CALCULATION } else { 1 };
                let inner = level.current.max(level.deepest) + around;
                level = outer.pop().unwrap_or_default();
                level.current = level.current.max(inner);
            }
            Token::Comma | Token::SemiColon => {
                level.deepest = level.deepest.max(level.current);
                level.current = 0;
            }
            Token::Word(word) if !OPERATORS.contains(&word.keyword) => {}
            Token::Number(..) | Token::Period | Token::Placeholder(_) | Token::EOF => {}
            token if is_text(token) => {}
            Token::Mul if is_before_columns(before) => {}
            Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod => {
                level.current += 1;
                level.calculates = true;
            }
            Token::Caret => level.current += CALCULATION,
            _ => level.current += 1,
        }
        before = &token.token;
        if level.current > DEEPEST {
            return Err(QueryError::TooDeep(DEEPEST));
        }
    }
    Ok(())
}

/// Whether a `*` after this token is a wildcard, and not a multiplication.
fn is_before_columns(token: &Token) -> bool {
    match token {
        Token::LParen | Token::Comma | Token::Period => true,
        Token::Word(word) => matches!(word.keyword, Keyword::SELECT | Keyword::DISTINCT | Keyword::ALL),
        _ => false,
    }
}

fn is_text(token: &Token) -> bool {
    matches!(
        token,
        Token::SingleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::HexStringLiteral(_)
    )
}

/// Refuses statements that read more than `MOST_TABLES` tables once every WITH is inlined.
pub fn check_size(statement: &Statement) -> Result<(), QueryError> {
    match walk(statement, &mut TableCounter::default()) {
        ControlFlow::Break(()) => Err(QueryError::TooLarge(MOST_TABLES)),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Counts tables, those of inner queries first.
#[derive(Default)]
struct TableCounter {
    /// The tables of each query that is being walked.
    open: Vec<u64>,
    /// The names of the queries of WITH, by the address of their syntax tree.
    named: HashMap<*const Query, String>,
    /// The number of tables behind each name of a WITH. A name that hides another counts from there on.
    known: HashMap<String, u64>,
}

impl TableCounter {
    fn add(&mut self, tables: u64) -> ControlFlow<()> {
        let Some(open) = self.open.last_mut() else {
            return ControlFlow::Continue(());
        };
        *open = open.saturating_add(tables);
        match *open > MOST_TABLES {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

impl Visitor for TableCounter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.open.push(0);
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            let name = table.alias.name.value.to_lowercase();
            self.named.insert(std::ptr::from_ref(table.query.as_ref()), name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let tables = self.known.get(&plain(relation)).copied();
        self.add(tables.unwrap_or(1))
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = self.open.pop().unwrap_or(0);
        match self.named.get(&std::ptr::from_ref(query)) {
            Some(name) => {
                self.known.insert(name.clone(), tables.max(1));
                ControlFlow::Continue(())
            }
            None => self.add(tables),
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn is_refused(sql: &str) -> bool {
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location();
        check_depth(&tokens.expect("words")).is_err()
    }

    #[test]
    fn chains_are_refused_and_lists_are_not() {
        let times = |text: &str, count: usize| vec![text; count].concat();
        let long = DEEPEST + 1;
        for deep in [
            format!("select 1{}", times("+1", long)),
            format!("select (1{})", times("+1", long)),
            format!("select f(2, (1{})) + 1", times("+1", long)),
            format!("select x where true{}", times(" and a", long)),
            format!("select 1{}", times(" union select 1", long)),
            format!("select a{}", times(" is null", long)),
            format!("select a{}", times("::text", long)),
            // Each half alone would do.
            format!("select ((1{0}), 2){0}", times("+1", long / 2 + 1)),
        ] {
            assert!(is_refused(&deep), "{}", &deep[..60]);
        }
        let nested = |count: usize| format!("select {}1{}", times("1+(", count), times(")", count));
        assert!(is_refused(&nested(DEEPEST / CALCULATION + 2)));
        assert!(!is_refused(&nested(DEEPEST / CALCULATION - 1)));
        assert!(is_refused(&format!(
            "select 2{}",
            times("^1", DEEPEST / CALCULATION + 1)
        )));
        assert!(!is_refused(&format!("select 1{}", times("+1", DEEPEST))));
        for flat in [
            format!("select * from users where user_id in ('a'{})", times(", 'b'", 20_000)),
            format!("select -1{}", times(", -1", 20_000)),
            format!("select (1){}", times(", (2 + 2)", 20_000)),
            format!("select 1{}", times("; select 1 + 1", 20_000)),
            format!("select a.b{}", times(", a.b", 20_000)),
            format!(
                "select count(*) from {}t{}",
                times("(select * from ", 200),
                times(") a", 200)
            ),
        ] {
            assert!(!is_refused(&flat), "{}", &flat[..60]);
        }
    }

    #[test]
    fn tables_count_as_often_as_they_are_read() {
        let is_refused = |sql: &str| {
            let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
            check_size(&statements[0]).is_err()
        };
        let doubled = |depth: usize| {
            let lines = (1..=depth).map(|number| {
                let before = number - 1;
                format!(", W{number} as (select x from w{before} union all select x from \"w{before}\")")
            });
            format!(
                "with w0 as (select 1 as x){} select * from w{depth}",
                lines.collect::<String>()
            )
        };
        assert!(!is_refused(&doubled(9)));
        assert!(is_refused(&doubled(10)));
        assert!(is_refused(&doubled(300)));
        assert!(is_refused(&format!(
            "select * from ({}) a, ({}) b",
            doubled(9),
            doubled(9)
        )));
        assert!(is_refused(&format!(
            "select ({}), 1 in ({}) from t",
            doubled(9),
            doubled(9)
        )));
        let many = format!(
            "with {} select 1",
            (0..900)
                .map(|n| format!("a{n} as (select * from t)"))
                .collect::<Vec<_>>()
                .join(", ")
        );
        assert!(!is_refused(&many));
        assert!(!is_refused(
            "with recursive r as (select 1 union all select * from r) select * from r, r as other"
        ));
    }
}
