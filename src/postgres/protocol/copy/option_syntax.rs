//! Reads the options of COPY in both forms: the current one, as in `WITH (FORMAT csv, HEADER)`, and that of before
//! PostgreSQL 9.0, as in `CSV HEADER`.

use datafusion::sql::sqlparser::ast::{CopyOption, Ident};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// All columns in FORCE_QUOTE, where it is not quoted.
pub const EVERY_COLUMN: &str = "*";

/// The value of an option, which follows its name.
enum Value {
    Nothing,
    Text(String),
    Columns(Vec<Ident>),
}

fn value(parser: &mut Parser) -> Result<Value, ParserError> {
    match parser.peek_token().token {
        Token::Comma | Token::RParen => Ok(Value::Nothing),
        Token::Mul => {
            parser.next_token();
            Ok(Value::Columns(vec![Ident::new(EVERY_COLUMN)]))
        }
        Token::LParen => {
            parser.next_token();
            let columns = parser.parse_comma_separated(Parser::parse_identifier)?;
            parser.expect_token(&Token::RParen)?;
            Ok(Value::Columns(columns))
        }
        Token::Word(word) => {
            parser.next_token();
            Ok(Value::Text(word.value))
        }
        Token::Number(number, _) => {
            parser.next_token();
            Ok(Value::Text(number))
        }
        _ => text(parser).map(Value::Text),
    }
}

/// One option of `WITH (…)`.
pub fn option(parser: &mut Parser) -> Result<CopyOption, ParserError> {
    let name = parser.parse_identifier()?.value.to_uppercase();
    let value = value(parser)?;
    let refused = |reason: &str| Err(ParserError::ParserError(format!("COPY {name}: {reason}")));
    match (name.as_str(), value) {
        ("FORMAT", Value::Text(format)) => Ok(CopyOption::Format(Ident::new(format))),
        ("HEADER", Value::Nothing) => Ok(CopyOption::Header(true)),
        ("HEADER", Value::Text(word)) => match truth(&word) {
            Some(has_header) => Ok(CopyOption::Header(has_header)),
            None => refused("TO takes true or false"),
        },
        ("DELIMITER", Value::Text(text)) => letter("delimiter", &text).map(CopyOption::Delimiter),
        ("QUOTE", Value::Text(text)) => letter("quote", &text).map(CopyOption::Quote),
        ("ESCAPE", Value::Text(text)) => letter("escape", &text).map(CopyOption::Escape),
        ("NULL", Value::Text(text)) => Ok(CopyOption::Null(text)),
        ("ENCODING", Value::Text(name)) => Ok(CopyOption::Encoding(name)),
        ("FORCE_QUOTE", Value::Columns(columns)) => Ok(CopyOption::ForceQuote(columns)),
        ("FREEZE" | "FORCE_NOT_NULL" | "FORCE_NULL" | "DEFAULT" | "ON_ERROR" | "REJECT_LIMIT" | "LOG_VERBOSITY", _) => {
            refused("it can only be used with COPY FROM")
        }
        ("FORMAT" | "HEADER" | "DELIMITER" | "QUOTE" | "ESCAPE" | "NULL" | "ENCODING" | "FORCE_QUOTE", _) => {
            refused("its value is missing, or of another kind")
        }
        _ => refused("there is no such option"),
    }
}

/// One option as it was written before PostgreSQL 9.0; `None` after the last one.
pub fn old_option(parser: &mut Parser) -> Result<Option<CopyOption>, ParserError> {
    let Token::Word(word) = parser.peek_token().token else {
        return Ok(None);
    };
    parser.next_token();
    Ok(Some(match word.value.to_uppercase().as_str() {
        "BINARY" => binary(),
        "CSV" => CopyOption::Format(Ident::new("csv")),
        "HEADER" => CopyOption::Header(true),
        "DELIMITER" => CopyOption::Delimiter(letter("delimiter", &text_of_old(parser)?)?),
        "NULL" => CopyOption::Null(text_of_old(parser)?),
        "QUOTE" => CopyOption::Quote(letter("quote", &text_of_old(parser)?)?),
        "ESCAPE" => CopyOption::Escape(letter("escape", &text_of_old(parser)?)?),
        "ENCODING" => CopyOption::Encoding(text(parser)?),
        "FORCE" if is_word(parser, "QUOTE") => {
            parser.next_token();
            let columns = match parser.consume_token(&Token::Mul) {
                true => vec![Ident::new(EVERY_COLUMN)],
                false => parser.parse_comma_separated(Parser::parse_identifier)?,
            };
            CopyOption::ForceQuote(columns)
        }
        other => {
            let reason = format!("COPY TO STDOUT has no option {other}");
            return Err(ParserError::ParserError(reason));
        }
    }))
}

/// The option of the binary format.
pub fn binary() -> CopyOption {
    CopyOption::Format(Ident::new("binary"))
}

/// Whether the next word is this one, without quotes.
pub fn is_word(parser: &Parser, name: &str) -> bool {
    matches!(parser.peek_token().token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(name))
}

/// A text, before which AS may stand.
fn text_of_old(parser: &mut Parser) -> Result<String, ParserError> {
    let _ = parser.parse_keyword(Keyword::AS);
    text(parser)
}

/// A text in quotes.
pub fn text(parser: &mut Parser) -> Result<String, ParserError> {
    match parser.next_token().token {
        Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) | Token::UnicodeStringLiteral(text) => {
            Ok(text)
        }
        Token::DollarQuotedString(text) => Ok(text.value),
        other => Err(ParserError::ParserError(format!(
            "Expected: a text in quotes, found: {other}"
        ))),
    }
}

fn truth(word: &str) -> Option<bool> {
    match word.to_lowercase().as_str() {
        "true" | "on" | "1" => Some(true),
        "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// The one letter of a text.
pub fn letter(what: &str, text: &str) -> Result<char, ParserError> {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => Ok(letter),
        _ => Err(ParserError::ParserError(format!(
            "COPY {what} must be a single one-byte character"
        ))),
    }
}
