//! `TABLE t`, which is `SELECT * FROM t`.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// The words after which a query may come.
const BEFORE_QUERIES: [Keyword; 9] = [
    Keyword::AS,
    Keyword::FOR,
    Keyword::EXPLAIN,
    Keyword::ANALYZE,
    Keyword::UNION,
    Keyword::EXCEPT,
    Keyword::INTERSECT,
    Keyword::ALL,
    Keyword::DISTINCT,
];

/// Writes `SELECT * FROM` where TABLE begins a query.
pub fn tables(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut written = Vec::with_capacity(tokens.len());
    let mut before: Option<Token> = None;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if matches!(token.token, Token::Whitespace(_)) {
            written.push(token);
            continue;
        }
        let begins = is_table(&token.token) && before.as_ref().is_none_or(comes_before_a_query);
        before = Some(token.token.clone());
        if !begins {
            written.push(token);
            continue;
        }
        while let Some(blank) = tokens.next_if(|next| matches!(next.token, Token::Whitespace(_))) {
            written.push(blank);
        }
        match tokens.peek().map(|next| &next.token) {
            Some(Token::Word(_)) => {
                let words = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
                written.extend(words.map(|word| TokenWithSpan::new(word, token.span)));
            }
            _ => written.push(token),
        }
    }
    written
}

fn is_table(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.keyword == Keyword::TABLE)
}

fn comes_before_a_query(token: &Token) -> bool {
    match token {
        Token::SemiColon | Token::LParen | Token::RParen => true,
        Token::Word(word) => BEFORE_QUERIES.contains(&word.keyword),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::super::tried::rows;
    use super::tables;

    #[test]
    fn a_table_is_a_query() {
        let read = |sql: &str| {
            let dialect = PostgreSqlDialect {};
            let tokens = Tokenizer::new(&dialect, sql).tokenize_with_location().expect(sql);
            let mut parser = Parser::new(&dialect).with_tokens_with_locations(tables(tokens));
            let statements = parser.parse_statements().expect(sql);
            statements
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; ")
        };
        for (sql, expected) in [
            ("table users", "SELECT * FROM users"),
            (
                "TABLE public.\"Us ers\" order by 1 limit 2",
                "SELECT * FROM public.\"Us ers\" ORDER BY 1 LIMIT 2",
            ),
            (
                "select 1; table a union all table b; select 2",
                "SELECT 1; SELECT * FROM a UNION ALL SELECT * FROM b; SELECT 2",
            ),
            ("select * from (table a) t", "SELECT * FROM (SELECT * FROM a) t"),
            (
                "with x as (table a) table x",
                "WITH x AS (SELECT * FROM a) SELECT * FROM x",
            ),
            ("drop table users", "DROP TABLE users"),
            ("create table a as select 1", "CREATE TABLE a AS SELECT 1"),
            ("select \"table\" from t", "SELECT \"table\" FROM t"),
        ] {
            assert_eq!(read(sql), expected);
        }
    }

    #[tokio::test]
    async fn a_table_can_be_asked() {
        let sql = "table learners order by name limit 1";
        assert_eq!(rows(sql).await.expect(sql), ["a 3 ann"]);
    }
}
