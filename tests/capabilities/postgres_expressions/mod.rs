//! Random expressions, asked of the SQL dialect and of a real PostgreSQL server: both give the same value, or the dialect
//! refuses. Never another value.
//!
//! A kind of expressions is a file: it makes expressions, and says how two values are compared.

mod comparison;
mod numbers;
mod times;

use std::fmt::Write as _;

use datafusion::arrow::array::{Array, StringArray};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use pragati::engine::dialect;
use tokio::runtime::Runtime;

use crate::postgres::Postgres;

/// What stands for NULL in answers.
const NULL: &str = "∅";
/// Expressions of a statement.
const TOGETHER: usize = 40;
/// Of this many expressions that PostgreSQL answers, the dialect may refuse one.
const REFUSED_OF: usize = 25;

/// A function of PostgreSQL that gives the value of an expression as text, or says that there is none.
const TRY: &str = "
    create function attempt(expression text) returns text language plpgsql as $$
    declare answer text;
    begin
        execute 'select coalesce((' || expression || ')::text, ''∅'')' into answer;
        return '=' || replace(answer, chr(10), '⏎');
    exception when others then
        return 'error ' || sqlstate;
    end $$;
";

/// Compares the values of `expressions`. `is_same` tells whether two texts are one value.
pub fn compare(expressions: &[String], is_same: impl Fn(&str, &str) -> bool) {
    let Some(server) = Postgres::start() else { return };
    let theirs = of_postgresql(&server, expressions);
    let runtime = Runtime::new().expect("a runtime");
    let session = SessionContext::new();
    dialect::add_to(&session).expect("the dialect");
    let ours = runtime.block_on(of_dialect(&session, expressions, &theirs));
    let (mut different, mut refused) = (Vec::new(), Vec::new());
    for ((expression, theirs), ours) in expressions.iter().zip(&theirs).zip(&ours) {
        let line = format!("{expression}\n  PostgreSQL: {theirs:?}\n  here:       {ours:?}");
        match (theirs, ours) {
            (Ok(theirs), Ok(ours)) if is_same(theirs, ours) => {}
            (Err(_), Err(_)) => {}
            // An operator with NULL is NULL, and AND and OR know their value by one side: the other one is not computed.
            (Err(_), Ok(ours)) if ours == NULL || [" and ", " or "].iter().any(|word| expression.contains(word)) => {}
            (Ok(_), Err(_)) => refused.push(line),
            _ => different.push(line),
        }
    }
    assert!(
        different.is_empty(),
        "{} differ:\n{}",
        different.len(),
        different.join("\n")
    );
    let most = expressions.len() / REFUSED_OF;
    assert!(
        refused.len() <= most,
        "{} are refused:\n{}",
        refused.len(),
        refused.join("\n")
    );
}

/// What the server says of each.
fn of_postgresql(server: &Postgres, expressions: &[String]) -> Vec<Result<String, String>> {
    let mut script = TRY.to_owned();
    for expression in expressions {
        writeln!(script, "select attempt($expression${expression}$expression$);").expect("written");
    }
    let answers = server.psql(&script);
    let answers: Vec<Result<String, String>> = answers
        .lines()
        .map(|line| match line.strip_prefix('=') {
            Some(value) => Ok(value.replace('⏎', "\n")),
            None => Err(line.to_owned()),
        })
        .collect();
    assert_eq!(answers.len(), expressions.len(), "an answer for each expression");
    answers
}

/// What the dialect says of each. Many are asked together where PostgreSQL gives a value.
async fn of_dialect(
    session: &SessionContext,
    expressions: &[String],
    theirs: &[Result<String, String>],
) -> Vec<Result<String, String>> {
    let mut answers: Vec<Option<Result<String, String>>> = vec![None; expressions.len()];
    let with_value: Vec<usize> = (0..expressions.len()).filter(|place| theirs[*place].is_ok()).collect();
    for places in with_value.chunks(TOGETHER) {
        let together: Vec<&str> = places.iter().map(|place| expressions[*place].as_str()).collect();
        if let Ok(values) = values(session, &together).await {
            for (place, value) in places.iter().zip(values) {
                answers[*place] = Some(Ok(value));
            }
        }
    }
    let mut all = Vec::with_capacity(expressions.len());
    for (expression, answer) in expressions.iter().zip(answers) {
        all.push(match answer {
            Some(answer) => answer,
            None => values(session, &[expression.as_str()])
                .await
                .map(|mut values| values.remove(0)),
        });
    }
    all
}

async fn values(session: &SessionContext, expressions: &[&str]) -> Result<Vec<String>, String> {
    let columns: Vec<String> = expressions
        .iter()
        .map(|expression| format!("coalesce(({expression})::text, '∅')"))
        .collect();
    let sql = format!("select {}", columns.join(", "));
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let mut statements = DFParser::parse_sql_with_dialect(&sql, &PostgreSqlDialect {}).map_err(|error| told(&error))?;
    let Some(Statement::Statement(mut statement)) = statements.pop_front() else {
        return Err("no statement".to_owned());
    };
    dialect::rewrite(&mut statement).map_err(|error| told(&error))?;
    let plan = session.state().statement_to_plan(Statement::Statement(statement)).await;
    let plan = plan.map_err(|error| told(&error))?;
    dialect::check(&plan).map_err(|error| told(&error))?;
    let frame = session.execute_logical_plan(plan).await.map_err(|error| told(&error))?;
    let batches = frame.collect().await.map_err(|error| told(&error))?;
    let batch = batches.iter().find(|batch| batch.num_rows() > 0).ok_or("no row")?;
    let text = |column: &datafusion::arrow::array::ArrayRef| -> Result<String, String> {
        let texts: StringArray = dialect::texts::as_text(column).map_err(|error| told(&error))?;
        assert!(texts.is_valid(0), "{sql}");
        Ok(texts.value(0).to_owned())
    };
    batch.columns().iter().map(text).collect()
}
