//! The statements that are allowed, and the action of each: an allow-list on the parsed statement, before anything is
//! planned.
//!
//! The plan is checked as well (`SQLOptions`), as a second line of defence against forms of SQL that this list misses.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    CloseCursor, ContextModifier, CopySource, CopyTarget, DataType, DeclareType, DiscardObject, Expr, FetchDirection,
    Query, Reset, Set, SetExpr, Statement, Value, Visitor,
};

use crate::engine::dialect::time;
use crate::engine::dialect::walk::walk;
use crate::postgres::error::QueryError;
use crate::postgres::protocol::copy::CopyForm;
use crate::postgres::syntax::{kept, plain};

/// The variable that holds the session's zone.
const ZONE: &str = "timezone";

/// The action of a statement that is allowed.
#[derive(Debug, Clone)]
pub enum Step {
    /// Rows of a plan: SELECT, VALUES, EXPLAIN, SHOW TABLES.
    Ask(Box<Statement>),
    /// The rows of a query as a file would have them: COPY TO STDOUT.
    Copy {
        query: Box<Statement>,
        form: CopyForm,
    },
    /// Keeps a query under a name.
    Prepare {
        name: String,
        /// The types of its parameters, as far as they are given.
        types: Vec<DataType>,
        /// As it was written.
        query: Box<Statement>,
    },
    /// Runs the query that was kept under a name, with values of its parameters.
    Execute {
        name: String,
        arguments: Vec<Expr>,
    },
    /// A session variable, or several; for the transaction alone where it is local.
    Set {
        assignments: Vec<(String, String)>,
        is_local: bool,
    },
    /// Resets one variable, or all, to the values at the login.
    Reset(Option<String>),
    /// A session variable's value.
    Show(String),
    Begin,
    Commit,
    Rollback,
    /// Savepoints are accepted without effect, as nothing is written; after ROLLBACK TO one, the transaction goes on.
    Savepoint(&'static str),
    RollbackToSavepoint,
    Declare {
        name: String,
        query: Box<Statement>,
        /// Whether it stays after the transaction.
        is_held: bool,
    },
    Fetch {
        name: String,
        /// None: all.
        rows: Option<usize>,
    },
    /// Skips rows of a cursor.
    Move {
        name: String,
        /// None: all.
        rows: Option<usize>,
    },
    /// None: all cursors.
    Close(Option<String>),
    /// None: all prepared statements.
    Deallocate(Option<String>),
    Discard(&'static str),
    /// Accepted without effect: what it would undo cannot have been done.
    Nothing(&'static str),
}

impl Step {
    /// The query that it runs, if it runs one.
    pub fn query(&self) -> Option<&Statement> {
        match self {
            Self::Ask(query) | Self::Declare { query, .. } | Self::Copy { query, .. } => Some(query),
            _ => None,
        }
    }
}

/// A statement that the parser supports in another spelling: that spelling, and whether its rows are only counted.
pub fn known_form(sql: &str) -> Option<(String, bool)> {
    let sql = sql.trim_start();
    let end = sql
        .find(|letter: char| !letter.is_ascii_alphabetic())
        .unwrap_or(sql.len());
    let (word, rest) = sql.split_at(end);
    match word.to_ascii_uppercase().as_str() {
        "ABORT" => Some((format!("ROLLBACK{rest}"), false)),
        "MOVE" => Some((format!("FETCH{}", with_from(rest)), true)),
        "FETCH" => Some((format!("FETCH{}", with_from(rest)), false)),
        _ => None,
    }
}

/// FROM before the name of a cursor, and NEXT before that, where they were left out.
fn with_from(rest: &str) -> String {
    let rest = rest.trim_end_matches(|letter: char| letter == ';' || letter.is_whitespace());
    let is_from = |word: &&str| word.eq_ignore_ascii_case("from") || word.eq_ignore_ascii_case("in");
    let words: Vec<&str> = rest.split_whitespace().collect();
    let from = words.iter().position(is_from);
    match (rest.rsplit_once(char::is_whitespace), from) {
        (_, Some(0)) => format!(" NEXT{rest}"),
        (Some(_), None) if words.len() == 1 => format!(" NEXT FROM{rest}"),
        (Some((direction, name)), None) => format!("{direction} FROM {name}"),
        _ => rest.to_owned(),
    }
}

/// The action of `statement`, or why it is refused.
pub fn step(statement: Statement) -> Result<Step, QueryError> {
    match statement {
        Statement::Query(_) | Statement::Explain { .. } => ask(statement),
        Statement::ExplainTable { .. }
        | Statement::ShowTables { .. }
        | Statement::ShowColumns { .. }
        | Statement::ShowFunctions { .. } => Ok(Step::Ask(Box::new(statement))),
        Statement::ShowVariable { variable } => {
            let words: Vec<String> = variable.iter().map(|word| word.value.to_lowercase()).collect();
            Ok(Step::Show(words.join(" ")))
        }
        Statement::Set(set) => assignments(set),
        Statement::Reset(reset) => Ok(Step::Reset(match reset.reset {
            Reset::ALL => None,
            Reset::ConfigurationParameter(name) => Some(plain(&name)),
        })),
        Statement::StartTransaction { .. } => Ok(Step::Begin),
        Statement::Commit { .. } => Ok(Step::Commit),
        Statement::Rollback { savepoint: None, .. } => Ok(Step::Rollback),
        Statement::Rollback { savepoint: Some(_), .. } => Ok(Step::RollbackToSavepoint),
        Statement::Savepoint { .. } => Ok(Step::Savepoint("SAVEPOINT")),
        Statement::ReleaseSavepoint { .. } => Ok(Step::Savepoint("RELEASE")),
        Statement::Declare { stmts } => declare(stmts),
        Statement::Fetch {
            name,
            direction,
            into: None,
            ..
        } => Ok(Step::Fetch {
            name: name.value,
            rows: rows_of(&direction)?,
        }),
        Statement::Close { cursor } => Ok(Step::Close(match cursor {
            CloseCursor::All => None,
            CloseCursor::Specific { name } => Some(name.value),
        })),
        Statement::Deallocate { name, .. } => {
            let is_all = name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all");
            Ok(Step::Deallocate((!is_all).then(|| kept(&name))))
        }
        Statement::Discard { object_type } => Ok(Step::Discard(discarded(object_type))),
        // LISTEN is refused, so there is nothing to end.
        Statement::UNLISTEN { .. } => Ok(Step::Nothing("UNLISTEN")),
        Statement::Copy { .. } => copy(statement),
        Statement::Prepare { .. } => prepare(statement),
        Statement::Execute { .. } => execute(statement),
        other => Err(refused(&word(&other))),
    }
}

/// A query, or how it is run.
fn ask(statement: Statement) -> Result<Step, QueryError> {
    if let Statement::Explain {
        statement: explained, ..
    } = &statement
        && !matches!(explained.as_ref(), Statement::Query(_))
    {
        return Err(refused(&format!("EXPLAIN of {}", word(explained))));
    }
    check_query(&statement)?;
    Ok(Step::Ask(Box::new(statement)))
}

/// COPY of a query to the client; every other COPY reads or writes something else.
fn copy(statement: Statement) -> Result<Step, QueryError> {
    match statement {
        Statement::Copy {
            source: CopySource::Query(query),
            to: true,
            target: CopyTarget::Stdout,
            options,
            ..
        } => {
            let query = Statement::Query(query);
            check_query(&query)?;
            let form = CopyForm::of(&options)?;
            Ok(Step::Copy {
                query: Box::new(query),
                form,
            })
        }
        Statement::Copy { to: false, .. } => Err(refused("COPY FROM")),
        Statement::Copy {
            target: CopyTarget::Program { .. },
            ..
        } => Err(refused("COPY TO PROGRAM")),
        _ => Err(refused("COPY TO a file")),
    }
}

/// PREPARE of a query.
fn prepare(statement: Statement) -> Result<Step, QueryError> {
    match statement {
        Statement::Prepare {
            name,
            data_types,
            statement,
        } => {
            if !matches!(statement.as_ref(), Statement::Query(_)) {
                return Err(refused(&format!("PREPARE of {}", word(&statement))));
            }
            check_query(&statement)?;
            Ok(Step::Prepare {
                name: kept(&name),
                types: data_types,
                query: statement,
            })
        }
        other => Err(refused(&word(&other))),
    }
}

/// EXECUTE as PostgreSQL has it: a name, and values.
fn execute(statement: Statement) -> Result<Step, QueryError> {
    match statement {
        Statement::Execute {
            name: Some(name),
            parameters: arguments,
            immediate: false,
            ref into,
            ref using,
            output: false,
            default: false,
            ..
        } if into.is_empty() && using.is_empty() => match name.0.as_slice() {
            [part] => {
                let name = part.as_ident().map(kept).unwrap_or_default();
                Ok(Step::Execute { name, arguments })
            }
            _ => Err(QueryError::NoStatement(name.to_string())),
        },
        other => Err(refused(&word(&other))),
    }
}

fn discarded(objects: DiscardObject) -> &'static str {
    match objects {
        DiscardObject::ALL => "DISCARD ALL",
        DiscardObject::PLANS => "DISCARD PLANS",
        DiscardObject::SEQUENCES => "DISCARD SEQUENCES",
        DiscardObject::TEMP => "DISCARD TEMP",
    }
}

fn refused(what: &str) -> QueryError {
    QueryError::NotAllowed(what.to_owned())
}

/// The first words of a statement, such as `COPY` or `CREATE TABLE`.
fn word(statement: &Statement) -> String {
    let text = statement.to_string();
    let mut words = text.split(|letter: char| !letter.is_ascii_alphabetic());
    let first = words.next().unwrap_or_default().to_uppercase();
    match (first.as_str(), words.next()) {
        ("CREATE" | "DROP" | "ALTER" | "REFRESH", Some(second)) => format!("{first} {}", second.to_uppercase()),
        _ => first,
    }
}

/// Refuses what a query can hide: SELECT … INTO, locks, and statements that write in its parts.
fn check_query(statement: &Statement) -> Result<(), QueryError> {
    struct WriteFinder(Option<String>);

    impl Visitor for WriteFinder {
        type Break = ();

        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            self.0 = written_in(query);
            match self.0 {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        }

        fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
            if matches!(statement, Statement::Query(_) | Statement::Explain { .. }) {
                return ControlFlow::Continue(());
            }
            self.0 = Some(word(statement));
            ControlFlow::Break(())
        }
    }

    let mut writes = WriteFinder(None);
    let _ = walk(statement, &mut writes);
    writes.0.map_or(Ok(()), |what| Err(refused(&what)))
}

fn written_in(query: &Query) -> Option<String> {
    if !query.locks.is_empty() {
        return Some("SELECT … FOR UPDATE".to_owned());
    }
    written_by(&query.body)
}

fn written_by(body: &SetExpr) -> Option<String> {
    match body {
        SetExpr::Select(select) => select.into.as_ref().map(|_| "SELECT … INTO".to_owned()),
        SetExpr::SetOperation { left, right, .. } => written_by(left).or_else(|| written_by(right)),
        SetExpr::Insert(statement)
        | SetExpr::Update(statement)
        | SetExpr::Delete(statement)
        | SetExpr::Merge(statement) => Some(word(statement)),
        // Inner queries are visited separately.
        SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => None,
    }
}

fn assignments(set: Set) -> Result<Step, QueryError> {
    let text = set.to_string();
    let is_local = match &set {
        Set::SingleAssignment { scope, .. } => matches!(scope, Some(ContextModifier::Local)),
        Set::SetTimeZone { local, .. } => *local,
        _ => false,
    };
    let assignments = match set {
        Set::SingleAssignment {
            hivevar: false,
            variable: name,
            values,
            ..
        } if plain(&name) == ZONE => vec![(ZONE.to_owned(), zone_of(&values)?)],
        Set::SingleAssignment {
            hivevar: false,
            variable: name,
            values,
            ..
        } => vec![(plain(&name), text_of(&values))],
        Set::SetTimeZone { value, .. } => vec![(ZONE.to_owned(), zone_of(&[value])?)],
        Set::SetNames { charset_name, .. } => vec![("client_encoding".to_owned(), charset_name.value)],
        // Every transaction is read only and sees one snapshot, whatever is asked for.
        Set::SetTransaction { .. } => return Ok(Step::Nothing("SET")),
        _ => return Err(refused(text.split(" = ").next().unwrap_or("SET"))),
    };
    Ok(Step::Set { assignments, is_local })
}

/// The name of a zone as it is kept.
fn zone_of(values: &[Expr]) -> Result<String, QueryError> {
    let [value] = values else {
        return Ok(text_of(values));
    };
    match time::session_zone(value) {
        Ok(zone) => Ok(zone.unwrap_or_else(|| "default".to_owned())),
        Err(_) => Err(QueryError::VariableValue {
            name: ZONE.to_owned(),
            value: text_of(values),
        }),
    }
}

/// A value as it is kept: lists with commas, texts without their quotes.
fn text_of(values: &[Expr]) -> String {
    let texts = values.iter().map(|value| match value {
        Expr::Value(value) => value.value.clone().into_string().unwrap_or_else(|| value.to_string()),
        Expr::Identifier(name) => name.value.clone(),
        // An offset of a time zone: INTERVAL '+05:30' HOUR TO MINUTE.
        Expr::Interval(interval) => text_of(std::slice::from_ref(&interval.value)),
        other => other.to_string(),
    });
    texts.collect::<Vec<_>>().join(", ")
}

fn declare(mut statements: Vec<datafusion::sql::sqlparser::ast::Declare>) -> Result<Step, QueryError> {
    let (Some(mut declared), true) = (statements.pop(), statements.is_empty()) else {
        return Err(refused("DECLARE of several cursors"));
    };
    let is_cursor = matches!(declared.declare_type, Some(DeclareType::Cursor));
    let (Some(name), Some(query), true) = (declared.names.pop(), declared.for_query, is_cursor) else {
        return Err(refused("DECLARE"));
    };
    if declared.scroll == Some(true) {
        return Err(QueryError::NotSupported(
            "cursors only go forward; leave SCROLL out".to_owned(),
        ));
    }
    let query = Statement::Query(query);
    check_query(&query)?;
    Ok(Step::Declare {
        name: name.value,
        query: Box::new(query),
        is_held: declared.hold == Some(true),
    })
}

fn rows_of(direction: &FetchDirection) -> Result<Option<usize>, QueryError> {
    let forward_only = || QueryError::NotSupported("cursors only go forward".to_owned());
    let number = |value: &Value| match value {
        Value::Number(number, _) => number.parse().map(Some).map_err(|_| forward_only()),
        _ => Err(forward_only()),
    };
    match direction {
        FetchDirection::Next | FetchDirection::Forward { limit: None } => Ok(Some(1)),
        FetchDirection::Forward { limit: Some(limit) } | FetchDirection::Count { limit } => number(limit),
        FetchDirection::All | FetchDirection::ForwardAll => Ok(None),
        _ => Err(forward_only()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::protocol::parse::Parse;

    fn steps(sql: &str) -> Result<Vec<Step>, QueryError> {
        Parse::new().statements(sql)?.into_iter().map(step).collect()
    }

    #[test]
    fn queries_cursors_and_session_statements_are_allowed() {
        for sql in [
            "select 1",
            "values (1)",
            "with a as (select 1) select * from a union select 2",
            "explain select 1",
            "explain analyze select 1",
            "show tables",
            "show search_path",
            "show transaction isolation level",
            "set application_name = 'x'",
            "set time zone 'Asia/Kolkata'",
            "reset all",
            "discard all",
            "deallocate all",
            "begin read only",
            "start transaction isolation level repeatable read",
            "savepoint a",
            "rollback to savepoint a",
            "release savepoint a",
            "commit",
            "rollback",
            "declare c cursor for select 1",
            "declare c no scroll cursor with hold for select 1",
            "fetch forward 10 from c",
            "fetch all from c",
            "close all",
            "unlisten *",
            "set session characteristics as transaction read only",
            "copy users to stdout",
            "copy (select 1) to stdout (format csv, header, force_quote *)",
            "copy users (user_id) to stdout csv header",
            "prepare a (text) as select * from users where user_id = $1",
            "execute a ('x')",
            "deallocate prepare a",
        ] {
            assert!(steps(sql).is_ok(), "{sql}: {:?}", steps(sql).err());
        }
    }

    #[test]
    fn other_forms_are_known() {
        let forms = [
            "abort",
            "ABORT WORK",
            "move forward 3 c",
            "fetch 5 \"c\";",
            "fetch all in c",
            "fetch c",
            "MOVE FROM c;",
            "select 1",
        ]
        .map(|sql| known_form(sql).map(|(form, is_counted)| format!("{form} {is_counted}")));
        let forms = forms.map(Option::unwrap_or_default);
        assert_eq!(
            forms,
            [
                "ROLLBACK false",
                "ROLLBACK WORK false",
                "FETCH forward 3 FROM c true",
                "FETCH 5 FROM \"c\" false",
                "FETCH all in c false",
                "FETCH NEXT FROM c false",
                "FETCH NEXT FROM c true",
                ""
            ]
        );
    }

    #[test]
    fn everything_else_is_refused() {
        for sql in [
            "create table a as select 1",
            "create external table a stored as csv location '/etc/passwd'",
            "create view a as select 1",
            "drop table users",
            "insert into users values (1)",
            "with a as (insert into users values (1) returning 1) select * from a",
            "with a as (delete from users returning 1) select * from a",
            "select * into other from users",
            "select * from users for update",
            "update users set email = 'x'",
            "delete from users",
            "truncate users",
            "copy users to '/tmp/users.csv'",
            "copy (select 1) to program 'cat'",
            "copy users from stdin",
            "copy users from '/etc/passwd'",
            "copy users from program 'cat'",
            "copy (delete from users returning 1) to stdout",
            "copy (select * into x from users) to stdout",
            "copy users to stdout (format parquet)",
            "copy users to stdout (format binary, header)",
            "copy users to stdout (quote '\"')",
            "copy users to stdout (format csv, quote ',')",
            "copy users to stdout (delimiter 'a')",
            "copy users to stdout (null 'x', null 'y')",
            "copy users to stdout (encoding 'latin1')",
            "explain analyze copy users to '/tmp/users.csv'",
            "explain analyze insert into users values (1)",
            "prepare a as delete from users",
            "prepare a as copy users to stdout",
            "execute a using 1",
            "set role admin",
            "set session authorization admin",
            "grant select on users to public",
            "alter table users add column x int",
            "vacuum",
            "call something()",
            "listen a",
            "notify a",
            "load 'x'",
            "lock table users",
            "declare c scroll cursor for select 1",
            "fetch backward 1 from c",
            "fetch absolute 3 from c",
            "declare c cursor for select * into x from users",
            "comment on table users is 'x'",
            "create function f() returns int as 'select 1' language sql",
            "merge into users using users as u on true when matched then delete",
            "explain update users set email = 'x'",
            "kill 1",
            "use other",
            "pragma x",
            "attach database 'x' as y",
        ] {
            assert!(steps(sql).is_err(), "{sql}: {:?}", steps(sql).ok());
        }
    }
}
