//! Errors in PostgreSQL's form: a code (SQLSTATE) that programs act on, and one line for people.

use datafusion::arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use pgwire::error::{ErrorInfo, PgWireError};

use crate::engine::dialect::DialectError;
use crate::engine::dialect::json::JsonError;
use crate::engine::dialect::time::TimeError;
use crate::engine::{EngineError, is_disk_full};
use crate::formats::one_line;
use crate::postgres::session::stop::StopReason;

/// A statement that is not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("syntax error: {0}")]
    Syntax(String),
    #[error(
        "{0} is not allowed: this database is read only, and answers SELECT, SHOW, EXPLAIN, COPY TO STDOUT and cursors"
    )]
    NotAllowed(String),
    #[error("{0}")]
    NotSupported(String),
    #[error("unrecognized configuration parameter \"{0}\", or one that clients may not set")]
    Variable(String),
    #[error("invalid value for parameter \"{name}\": \"{value}\"")]
    VariableValue { name: String, value: String },
    /// An option of a statement that is unknown, or conflicts with others.
    #[error("{0}")]
    Option(String),
    #[error("prepared statement \"{0}\" does not exist")]
    NoStatement(String),
    #[error("prepared statement \"{0}\" already exists")]
    StatementExists(String),
    /// A value that a client gave is not of its type.
    #[error("{0}")]
    Value(String),
    #[error("cursor \"{0}\" does not exist")]
    NoCursor(String),
    #[error("portal \"{0}\" does not exist")]
    NoPortal(String),
    #[error("cursor \"{0}\" already exists")]
    CursorExists(String),
    #[error("there are too many open cursors; close some")]
    TooManyCursors,
    #[error("there are too many prepared statements; deallocate some")]
    TooManyStatements,
    #[error("current transaction is aborted, commands ignored until end of transaction block")]
    Aborted,
    #[error("nobody is logged in on this connection")]
    NotLoggedIn,
    #[error("the statement is longer than {0} bytes; send less at a time")]
    TooLong(usize),
    #[error(
        "an expression has more than {0} operators one around the other, of which a bracket around a calculation counts for eight, as does a power; use IN, or parts of it in a WITH"
    )]
    TooDeep(usize),
    #[error(
        "the query reads more than {0} tables, counting those of a WITH as often as it is read; ask less at a time"
    )]
    TooLarge(u64),
    #[error("cursor \"{0}\" is in use by another statement of this connection")]
    CursorInUse(String),
    #[error("there are too many portals; close some")]
    TooManyPortals,
    /// A prepared statement's columns have changed since it was prepared.
    #[error("cached plan must not change result type")]
    OtherColumns,
    #[error("{0} can only be used in transaction blocks")]
    OutsideTransaction(&'static str),
    #[error("{}", stopped(*.0))]
    Stopped(StopReason),
    #[error("queries cannot be run, since the audit log cannot be written: {0}")]
    Audit(String),
    #[error("{0}")]
    Snapshot(String),
    #[error("{}", one_line(&.0.to_string()))]
    Engine(EngineError),
    #[error("{}", message(.0))]
    Failed(Box<DataFusionError>),
}

fn stopped(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Cancelled => "canceling statement due to user request",
        StopReason::Deadline => "canceling statement due to statement timeout",
        StopReason::ClientGone => "the client is gone",
        StopReason::Shutdown => "terminating connection because the service is stopping",
    }
}

impl From<DataFusionError> for QueryError {
    fn from(error: DataFusionError) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<DialectError> for QueryError {
    fn from(error: DialectError) -> Self {
        match error {
            DialectError::Syntax(reason) => Self::Syntax(reason),
            DialectError::NotSupported(reason) => Self::NotSupported(reason),
        }
    }
}

impl From<EngineError> for QueryError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl QueryError {
    /// PostgreSQL's code (SQLSTATE).
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "42601",
            Self::NotAllowed(_) => "42501",
            Self::NotSupported(_) | Self::OtherColumns => "0A000",
            Self::Variable(_) => "42704",
            Self::VariableValue { .. } | Self::Option(_) => "22023",
            Self::NoStatement(_) => "26000",
            Self::StatementExists(_) => "42P05",
            Self::Value(_) => "22P02",
            Self::NoCursor(_) | Self::NoPortal(_) => "34000",
            Self::CursorExists(_) => "42P03",
            Self::TooManyCursors | Self::TooManyStatements | Self::TooManyPortals => "53400",
            Self::TooDeep(_) | Self::TooLarge(_) => "54001",
            Self::CursorInUse(_) => "55006",
            Self::OutsideTransaction(_) => "25P01",
            Self::Aborted => "25P02",
            Self::NotLoggedIn => "28000",
            Self::TooLong(_) => "54000",
            Self::Stopped(StopReason::Shutdown) => "57P01",
            Self::Stopped(StopReason::ClientGone) => "08006",
            Self::Stopped(_) => "57014",
            Self::Audit(_) => "58030",
            Self::Snapshot(_) => "58000",
            Self::Engine(error) => match error {
                EngineError::Memory { .. } => "53200",
                EngineError::TemporarySpace { .. } => "53100",
                _ => "XX000",
            },
            Self::Failed(error) => code_of(error),
        }
    }
}

impl From<QueryError> for PgWireError {
    fn from(error: QueryError) -> Self {
        let severity = match &error {
            QueryError::Stopped(StopReason::Shutdown | StopReason::ClientGone) | QueryError::NotLoggedIn => "FATAL",
            _ => "ERROR",
        };
        response(severity, error.code(), &error.to_string())
    }
}

/// An error that ends the connection.
pub fn fatal(code: &str, message: &str) -> PgWireError {
    response("FATAL", code, message)
}

/// The error as the protocol has it (ErrorResponse).
fn response(severity: &str, code: &str, message: &str) -> PgWireError {
    let mut info = ErrorInfo::new(severity.to_owned(), code.to_owned(), message.to_owned());
    info.severity_nonlocalized = Some(severity.to_owned());
    PgWireError::UserError(Box::new(info))
}

/// The message of an error of the engine, in one line.
fn message(error: &DataFusionError) -> String {
    let text = match error.find_root() {
        DataFusionError::External(own) => own.to_string(),
        DataFusionError::ResourcesExhausted(reason) => {
            format!("the memory or temporary space of a query does not suffice: {reason}")
        }
        other => other.message().into_owned(),
    };
    one_line(text.split(DataFusionError::BACK_TRACE_SEP).next().unwrap_or(&text))
}

fn code_of(error: &DataFusionError) -> &'static str {
    if is_disk_full(error) {
        return "53100";
    }
    match error.find_root() {
        DataFusionError::SQL(error, _) => match error.as_ref() {
            ParserError::RecursionLimitExceeded => "54001",
            _ => "42601",
        },
        DataFusionError::SchemaError(error, _) => match error.as_ref() {
            SchemaError::AmbiguousReference { .. } => "42702",
            SchemaError::FieldNotFound { .. } => "42703",
            SchemaError::DuplicateQualifiedField { .. } | SchemaError::DuplicateUnqualifiedField { .. } => "42701",
        },
        DataFusionError::ArrowError(error, _) => code_of_arrow(error),
        DataFusionError::NotImplemented(_) => "0A000",
        DataFusionError::ResourcesExhausted(_) => "53200",
        DataFusionError::Plan(reason) => code_of_plan(reason),
        DataFusionError::Execution(_) => "22000",
        DataFusionError::External(own) => {
            let of_time = own.downcast_ref::<TimeError>().map(TimeError::code);
            let of_json = || own.downcast_ref::<JsonError>().map(JsonError::code);
            of_time.or_else(of_json).unwrap_or("XX000")
        }
        _ => "XX000",
    }
}

fn code_of_arrow(error: &ArrowError) -> &'static str {
    match error {
        ArrowError::DivideByZero => "22012",
        ArrowError::ArithmeticOverflow(_) => "22003",
        ArrowError::CastError(reason) | ArrowError::ParseError(reason) if is_about_time(reason) => "22008",
        ArrowError::CastError(_) | ArrowError::ParseError(_) => "22P02",
        _ => "22000",
    }
}

fn is_about_time(reason: &str) -> bool {
    ["Date32", "Date64", "Timestamp", "timestamp"]
        .iter()
        .any(|kind| reason.contains(kind))
}

/// The code of a planner's error. The planner's errors have one type, so they are told apart by their texts.
fn code_of_plan(reason: &str) -> &'static str {
    let reason = reason.to_lowercase();
    if reason.contains("table") && reason.contains("not found") {
        "42P01"
    } else if reason.contains("invalid function")
        || reason.contains("no function matches")
        || reason.contains("operator does not exist")
    {
        "42883"
    } else if reason.contains("cannot cast type") {
        "42846"
    } else if reason.contains("cannot be matched") {
        "42804"
    } else if reason.contains("field") && reason.contains("not found") || reason.contains("no field named") {
        "42703"
    } else if reason.contains("must be in group by") || reason.contains("must appear in the group by") {
        "42803"
    } else if reason.contains("ddl not supported")
        || reason.contains("dml not supported")
        || reason.contains("statement not supported")
    {
        "42501"
    } else {
        "42000"
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    #[tokio::test]
    async fn errors_have_the_sqlstate_of_postgresql() {
        let session = SessionContext::new();
        let cases = [
            ("select * from nowhere", "42P01"),
            ("select nothing from (select 1 as a)", "42703"),
            ("select nofunction(1)", "42883"),
            ("select 1/0", "22012"),
            ("select cast('x' as int)", "22P02"),
            ("select a from (select 1 as a) x, (select 1 as a) y", "42702"),
        ];
        for (sql, code) in cases {
            let result = async { session.sql(sql).await?.collect().await };
            let error = QueryError::from(result.await.expect_err(sql));
            assert_eq!(error.code(), code, "{sql}: {error}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}
