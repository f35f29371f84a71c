//! `trim(both from x)`, which is `trim(both x)`, and `trim(from x)`, which is `trim(x)`.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// How far the tokens of `trim(both from` are read.
#[derive(Clone, Copy, PartialEq)]
enum Read {
    Nothing,
    Trim,
    Parenthesis,
    Side,
}

/// Removes FROM where no characters to trim stand before it.
pub fn trims(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut read = Read::Nothing;
    let kept = tokens.into_iter().filter(|token| {
        if matches!(token.token, Token::Whitespace(_)) {
            return true;
        }
        let (next, is_kept) = match (read, &token.token) {
            (_, Token::Word(word)) if word.keyword == Keyword::TRIM => (Read::Trim, true),
            (Read::Trim, Token::LParen) => (Read::Parenthesis, true),
            (Read::Parenthesis, Token::Word(word)) if is_side(word.keyword) => (Read::Side, true),
            (Read::Parenthesis | Read::Side, Token::Word(word)) if word.keyword == Keyword::FROM => {
                (Read::Nothing, false)
            }
            _ => (Read::Nothing, true),
        };
        read = next;
        is_kept
    });
    kept.collect()
}

fn is_side(keyword: Keyword) -> bool {
    [Keyword::BOTH, Keyword::LEADING, Keyword::TRAILING].contains(&keyword)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::trims;

    #[test]
    fn from_may_stand_alone() {
        for (sql, expected) in [
            ("select trim(both from a)", "SELECT TRIM(BOTH a)"),
            ("select trim(from a)", "SELECT TRIM(a)"),
            ("select trim( trailing from a) from t", "SELECT TRIM(TRAILING a) FROM t"),
            ("select trim(leading 'x' from a)", "SELECT TRIM(LEADING 'x' FROM a)"),
            ("select trim('x' from a)", "SELECT TRIM('x' FROM a)"),
        ] {
            let dialect = PostgreSqlDialect {};
            let tokens = Tokenizer::new(&dialect, sql).tokenize_with_location().expect(sql);
            let mut parser = Parser::new(&dialect).with_tokens_with_locations(trims(tokens));
            let statement = parser.parse_statement().expect(sql);
            assert_eq!(statement.to_string(), expected);
        }
    }
}
