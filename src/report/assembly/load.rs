//! Reads the snapshot's tables into directories and numbers, several partitions at a time.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringViewArray};
use datafusion::arrow::compute::{concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::{Float64Type, TimestampMicrosecondType};
use datafusion::dataframe::DataFrame;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::prelude::{col, lit};
use futures::StreamExt;
use tokio::task::JoinSet;

use super::super::error::ReportError;
use super::super::all::{EnrolmentCounts, read_batches};
use super::Scope;
use super::batches::Batches;
use super::rows::{Enrolment, Key, Progress};
use super::users::{DETAILS, Users};
use crate::catalog::Catalog;
use crate::engine::EngineError;

/// Rows of one part, in the chunks in which threads read them.
pub type Chunks<R> = Vec<Vec<R>>;

/// The enrolments of all parts, and the directories of everybody and everything that they name.
pub struct Enrolments {
    pub users: Arc<Users>,
    pub batches: Arc<Batches>,
    /// By part.
    pub rows: Vec<Chunks<Enrolment>>,
    pub counts: EnrolmentCounts,
}

/// The rows of `enrolments` in scope.
pub struct EnrolmentRows {
    pub rows: DataFrame,
    /// The users that they name, where few enough to look for them alone.
    pub user_ids: Option<HashSet<String>>,
}

/// The batches of the table, without duplicates.
pub async fn batches(catalog: &Catalog, scope: Scope<'_>, part_count: usize) -> Result<Batches, ReportError> {
    let columns = ["batch_id", "course_id", "tenant_id"];
    let rows = table_in_scope(catalog, "distinct_batches", &columns, scope).await?;
    let in_order = rows.sort(vec![col("batch_id").sort(true, false)]);
    let in_order = in_order.map_err(EngineError::running("table batches"))?;
    Ok(Batches::new(read_batches(in_order).await?, part_count))
}

/// The enrolments in scope. Those of one batch are read at once, to know whom to look for among the users.
pub async fn enrolment_rows(catalog: &Catalog, scope: Scope<'_>) -> Result<EnrolmentRows, ReportError> {
    let columns = ["user_id", "batch_id", "course_id", "enrolled_at", "active"];
    let rows = table_in_scope(catalog, "enrolments", &columns, scope).await?;
    match scope {
        Scope::AllBatches => Ok(EnrolmentRows { rows, user_ids: None }),
        Scope::OneBatch(_) => {
            let what = "table enrolments";
            let schema = Arc::new(rows.schema().as_arrow().clone());
            let mut batches = rows.collect().await.map_err(EngineError::running(what))?;
            let mut user_ids = HashSet::new();
            for batch in &batches {
                user_ids.extend(texts(batch, "user_id")?.iter().flatten().map(str::to_owned));
            }
            batches.push(RecordBatch::new_empty(schema));
            let rows = catalog.session.read_batches(batches).map_err(EngineError::running(what))?;
            Ok(EnrolmentRows {
                rows,
                user_ids: Some(user_ids),
            })
        }
    }
}

/// The users of the table, or those of them that are wanted, without duplicates. Those are looked for while the directory
/// is made, because the query that removes them reads the table several times.
pub async fn users(catalog: &Catalog, wanted: Option<&HashSet<String>>) -> Result<Arc<Users>, ReportError> {
    let wanted = wanted.cloned().map(Arc::new);
    for table in ["users", "distinct_users"] {
        let memory = MemoryConsumer::new("the directory of users").register(&catalog.session.runtime_env().memory_pool);
        let columns: Vec<&str> = std::iter::once("user_id").chain(DETAILS).collect();
        let rows = table_columns(catalog, table, &columns)
            .await?
            .filter(col("user_id").is_not_null())
            .map_err(EngineError::running("table users"))?;
        let schema = Arc::new(rows.schema().as_arrow().clone());
        let batches = match &wanted {
            None => rows.collect().await.map_err(EngineError::running("table users"))?,
            Some(wanted) => {
                let wanted = Arc::clone(wanted);
                let read = read_partitions(rows, "table users", 1, move |rows, parts, _counts| {
                    parts[0].push(only_wanted(rows, &wanted)?);
                    Ok(())
                });
                read.await?.0.into_iter().flatten().flatten().collect()
            }
        };
        if let Some(users) = Users::try_new(&concat_batches(&schema, &batches)?, memory)? {
            return Ok(Arc::new(users));
        }
        tracing::warn!("table users has several rows of one user_id; the fullest counts");
    }
    Err(EngineError::Query {
        what: "query staging/distinct_users".to_owned(),
        reason: "it gives a user_id more than once".to_owned(),
    }
    .into())
}

fn only_wanted(rows: &RecordBatch, wanted: &HashSet<String>) -> Result<RecordBatch, ReportError> {
    let is_wanted: BooleanArray =
        texts(rows, "user_id")?.iter().map(|id| Some(id.is_some_and(|id| wanted.contains(id)))).collect();
    Ok(filter_record_batch(rows, &is_wanted)?)
}

/// The enrolments by part. Users and batches that only they name are added to the directories.
pub async fn enrolments(
    rows: DataFrame,
    users: Arc<Users>,
    batches: Batches,
    part_count: usize,
) -> Result<Enrolments, ReportError> {
    let batches = Arc::new(batches);
    let (known_users, known_batches) = (Arc::clone(&users), Arc::clone(&batches));
    let read = read_partitions(rows, "table enrolments", part_count, move |rows, parts, counts| {
        add_enrolments(rows, &known_users, &known_batches, parts, counts)
    });
    let (rows, counts) = read.await?;
    Ok(Enrolments {
        users,
        batches,
        rows,
        counts,
    })
}

/// The progress by part, of those who are enrolled somewhere.
pub async fn progress(
    catalog: &Catalog,
    scope: Scope<'_>,
    enrolments: &Enrolments,
    part_count: usize,
) -> Result<Vec<Chunks<Progress>>, ReportError> {
    let columns = ["user_id", "batch_id", "progress_percent", "completed_at"];
    let rows = table_in_scope(catalog, "course_progress", &columns, scope).await?;
    let (users, batches) = (Arc::clone(&enrolments.users), Arc::clone(&enrolments.batches));
    let read = read_partitions(rows, "table course_progress", part_count, move |rows, parts, _counts| {
        add_progress(rows, &users, &batches, parts)
    });
    Ok(read.await?.0)
}

async fn table_in_scope(
    catalog: &Catalog,
    table: &str,
    columns: &[&str],
    scope: Scope<'_>,
) -> Result<DataFrame, ReportError> {
    let rows = table_columns(catalog, table, columns).await?;
    match scope {
        Scope::AllBatches => Ok(rows),
        Scope::OneBatch(batch) => {
            let rows = rows.filter(col("batch_id").eq(lit(batch.as_str())));
            Ok(rows.map_err(EngineError::running(format!("table {table}")))?)
        }
    }
}

async fn table_columns(catalog: &Catalog, table: &str, columns: &[&str]) -> Result<DataFrame, ReportError> {
    let rows = catalog.session.table(table).await.and_then(|rows| rows.select_columns(columns));
    Ok(rows.map_err(EngineError::running(format!("table {table}")))?)
}

/// Reads all partitions of `rows` at the same time; `add` puts the rows of a batch into their parts.
async fn read_partitions<R: Send + 'static>(
    rows: DataFrame,
    what: &'static str,
    part_count: usize,
    add: impl Fn(&RecordBatch, &mut [Vec<R>], &mut EnrolmentCounts) -> Result<(), ReportError> + Send + Sync + 'static,
) -> Result<(Vec<Chunks<R>>, EnrolmentCounts), ReportError> {
    let add = Arc::new(add);
    let mut readers = JoinSet::new();
    for mut partition in rows.execute_stream_partitioned().await.map_err(EngineError::running(what))? {
        let add = Arc::clone(&add);
        readers.spawn(async move {
            let mut parts: Vec<Vec<R>> = std::iter::repeat_with(Vec::new).take(part_count).collect();
            let mut counts = EnrolmentCounts::default();
            while let Some(batch) = partition.next().await {
                add(&batch.map_err(EngineError::running(what))?, &mut parts, &mut counts)?;
            }
            Ok::<_, ReportError>((parts, counts))
        });
    }
    let mut chunks: Vec<Chunks<R>> = std::iter::repeat_with(Vec::new).take(part_count).collect();
    let mut counts = EnrolmentCounts::default();
    while let Some(read) = readers.join_next().await {
        let (parts, some_counts) = read.map_err(|_| EngineError::Lost("rows of a table"))??;
        counts = counts + some_counts;
        for (chunks, chunk) in chunks.iter_mut().zip(parts) {
            chunks.push(chunk);
        }
    }
    Ok((chunks, counts))
}

fn add_enrolments(
    rows: &RecordBatch,
    users: &Users,
    batches: &Batches,
    parts: &mut [Vec<Enrolment>],
    counts: &mut EnrolmentCounts,
) -> Result<(), ReportError> {
    let (user_ids, batch_ids, course_ids) = (texts(rows, "user_id")?, texts(rows, "batch_id")?, texts(rows, "course_id")?);
    let times = column(rows, "enrolled_at", |array| array.as_primitive_opt::<TimestampMicrosecondType>())?;
    let active = column(rows, "active", |array| array.as_boolean_opt())?;
    counts.read += rows.num_rows() as u64;
    for (row, user) in users.find_listed(user_ids).into_iter().enumerate() {
        if user_ids.is_null(row) {
            counts.without_user_id += 1;
            continue;
        }
        if batch_ids.is_null(row) {
            counts.without_batch_id += 1;
            continue;
        }
        let is_active = active.is_valid(row) && active.value(row);
        counts.not_active += u64::from(!is_active);
        let course_id = course_ids.is_valid(row).then(|| course_ids.value(row));
        let batch = batches.find_or_add(batch_ids.value(row), course_id)?;
        let user = match user {
            Some(user) => user,
            None => users.add_stranger(user_ids.value(row))?,
        };
        let enrolled_at = times.is_valid(row).then(|| times.value(row));
        parts[batch.part].push(Enrolment::new(Key::new(batch.number, user), enrolled_at, is_active));
    }
    Ok(())
}

fn add_progress(
    rows: &RecordBatch,
    users: &Users,
    batches: &Batches,
    parts: &mut [Vec<Progress>],
) -> Result<(), ReportError> {
    let (user_ids, batch_ids) = (texts(rows, "user_id")?, texts(rows, "batch_id")?);
    let percents = column(rows, "progress_percent", |array| array.as_primitive_opt::<Float64Type>())?;
    let times = column(rows, "completed_at", |array| array.as_primitive_opt::<TimestampMicrosecondType>())?;
    for (row, user) in users.find_listed(user_ids).into_iter().enumerate() {
        if user_ids.is_null(row) || batch_ids.is_null(row) {
            continue;
        }
        let user = user.or_else(|| users.find_stranger(user_ids.value(row)));
        let (Some(batch), Some(user)) = (batches.find(batch_ids.value(row)), user) else {
            continue;
        };
        let percent = percents.is_valid(row).then(|| percents.value(row));
        let completed_at = times.is_valid(row).then(|| times.value(row));
        parts[batch.part].push(Progress::new(Key::new(batch.number, user), percent, completed_at));
    }
    Ok(())
}

fn texts<'a>(rows: &'a RecordBatch, name: &'static str) -> Result<&'a StringViewArray, ReportError> {
    column(rows, name, |array| array.as_string_view_opt())
}

fn column<'a, A>(
    rows: &'a RecordBatch,
    name: &'static str,
    downcast: impl FnOnce(&'a dyn Array) -> Option<&'a A>,
) -> Result<&'a A, ReportError> {
    let array = rows.column_by_name(name).and_then(|array| downcast(array.as_ref()));
    array.ok_or(ReportError::MissingColumn(name))
}
