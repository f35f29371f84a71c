//! Reads COPY as PostgreSQL does, with its current options and those of before version 9.0. The library's own reading
//! knows neither `FORCE_QUOTE *` nor options in another order, and stops at values that are words.

use datafusion::sql::sqlparser::ast::{CopyOption, CopySource, CopyTarget, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::option_syntax::{binary, is_word, letter, old_option, option, text};

/// Whether the next statement is COPY.
pub fn is_next(parser: &Parser) -> bool {
    parser.peek_keyword(Keyword::COPY)
}

/// Reads COPY: its source as a query, and its options in their current form.
pub fn parse(parser: &mut Parser) -> Result<Statement, ParserError> {
    parser.expect_keyword(Keyword::COPY)?;
    let mut options = Vec::new();
    if parser.parse_keyword(Keyword::BINARY) {
        options.push(binary());
    }
    let source = source(parser)?;
    if parser.parse_keyword(Keyword::FROM) {
        to_its_end(parser);
        return Ok(copy(source, false, CopyTarget::Stdin, Vec::new()));
    }
    parser.expect_keyword(Keyword::TO)?;
    let target = target(parser)?;
    if target != CopyTarget::Stdout {
        to_its_end(parser);
        return Ok(copy(source, true, target, Vec::new()));
    }
    let using = parser.parse_keyword(Keyword::USING);
    if is_word(parser, "DELIMITERS") {
        parser.next_token();
        options.push(CopyOption::Delimiter(letter("delimiter", &text(parser)?)?));
    } else if using {
        return parser.expected("DELIMITERS", parser.peek_token());
    }
    let _ = parser.parse_keyword(Keyword::WITH);
    if parser.consume_token(&Token::LParen) {
        options.extend(parser.parse_comma_separated(option)?);
        parser.expect_token(&Token::RParen)?;
    } else {
        while let Some(option) = old_option(parser)? {
            options.push(option);
        }
    }
    Ok(copy(source, true, target, options))
}

/// Skips the rest of a statement that is refused, whatever it says.
fn to_its_end(parser: &mut Parser) {
    while !matches!(parser.peek_token().token, Token::EOF | Token::SemiColon) {
        parser.next_token();
    }
}

fn copy(source: CopySource, to: bool, target: CopyTarget, options: Vec<CopyOption>) -> Statement {
    Statement::Copy {
        source,
        to,
        target,
        options,
        legacy_options: Vec::new(),
        values: Vec::new(),
    }
}

/// A query, or a table with some of its columns, which is a query too.
fn source(parser: &mut Parser) -> Result<CopySource, ParserError> {
    if parser.consume_token(&Token::LParen) {
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        return Ok(CopySource::Query(query));
    }
    let table = parser.parse_object_name(false)?;
    let columns = match parser.consume_token(&Token::LParen) {
        true => {
            let columns = parser.parse_comma_separated(Parser::parse_identifier)?;
            parser.expect_token(&Token::RParen)?;
            let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
            columns.join(", ")
        }
        false => "*".to_owned(),
    };
    // Names are written again as they were read, with their quotes.
    let sql = format!("SELECT {columns} FROM {table}");
    let query = Parser::new(&PostgreSqlDialect {}).try_with_sql(&sql)?.parse_query()?;
    Ok(CopySource::Query(query))
}

fn target(parser: &mut Parser) -> Result<CopyTarget, ParserError> {
    if parser.parse_keyword(Keyword::STDOUT) || parser.parse_keyword(Keyword::STDIN) {
        return Ok(CopyTarget::Stdout);
    }
    Ok(match parser.parse_keyword(Keyword::PROGRAM) {
        true => CopyTarget::Program { command: text(parser)? },
        false => CopyTarget::File {
            filename: text(parser)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> Result<String, ParserError> {
        let mut parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(sql)?;
        assert!(is_next(&parser), "{sql}");
        let statement = parse(&mut parser)?;
        match parser.peek_token().token {
            Token::EOF | Token::SemiColon => Ok(statement.to_string()),
            other => Err(ParserError::ParserError(format!("left: {other}"))),
        }
    }

    #[test]
    fn sources_become_queries_and_options_those_of_today() {
        for (sql, expected) in [
            ("copy users to stdout", "COPY (SELECT * FROM users) TO STDOUT"),
            (
                "COPY \"public\".\"Us\"\"ers\" (\"a b\", c) TO STDOUT (FORMAT \"binary\");",
                "COPY (SELECT \"a b\", c FROM \"public\".\"Us\"\"ers\") TO STDOUT (FORMAT binary)",
            ),
            (
                "copy (select 1 union select 2) to stdout with (format csv, header, delimiter ';', null 'NULL', force_quote *)",
                "COPY (SELECT 1 UNION SELECT 2) TO STDOUT (FORMAT csv, HEADER, DELIMITER ';', NULL 'NULL', FORCE_QUOTE (*))",
            ),
            (
                "copy users to stdout (header off, quote E'\\'', force_quote (a, \"B\"), encoding 'UTF8')",
                "COPY (SELECT * FROM users) TO STDOUT (HEADER FALSE, QUOTE ''', FORCE_QUOTE (a, \"B\"), ENCODING 'UTF8')",
            ),
            (
                "copy users to stdout with csv header null as 'x' delimiter ';' force quote a, b",
                "COPY (SELECT * FROM users) TO STDOUT (FORMAT csv, HEADER, NULL 'x', DELIMITER ';', FORCE_QUOTE (a, b))",
            ),
            (
                "copy users to stdout csv quote as '\"' escape '\\' force quote *",
                "COPY (SELECT * FROM users) TO STDOUT (FORMAT csv, QUOTE '\"', ESCAPE '\\', FORCE_QUOTE (*))",
            ),
            (
                "copy binary users to stdout",
                "COPY (SELECT * FROM users) TO STDOUT (FORMAT binary)",
            ),
            (
                "copy users to stdout using delimiters '|' with null as ''",
                "COPY (SELECT * FROM users) TO STDOUT (DELIMITER '|', NULL '')",
            ),
            ("copy users to '/tmp/x' csv", "COPY (SELECT * FROM users) TO '/tmp/x'"),
            (
                "copy users to program 'cat'",
                "COPY (SELECT * FROM users) TO PROGRAM 'cat'",
            ),
            (
                "copy users from stdin with (format csv); ",
                "COPY (SELECT * FROM users) FROM STDIN",
            ),
            (
                "copy users (a) from program 'x' csv",
                "COPY (SELECT a FROM users) FROM STDIN",
            ),
        ] {
            let read = read(sql).expect(sql);
            // FROM has no query, and the library would wait for rows.
            assert_eq!(read.trim_end_matches(";\n\\."), expected, "{sql}");
        }
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for options in [
            "(delimiter 'ab')",
            "(delimiter)",
            "(header match)",
            "(nothing 1)",
            "(format csv",
            "(force_null (a))",
            "freeze",
            "with oids",
            "using ','",
            "(force_quote 'a')",
        ] {
            let sql = format!("copy users to stdout {options}");
            assert!(read(&sql).is_err(), "{sql}: {:?}", read(&sql));
        }
    }
}
