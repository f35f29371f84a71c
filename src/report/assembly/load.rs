//! Reads the snapshot's tables into directories and numbers, several partitions at a time.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringViewArray};
use datafusion::arrow::compute::{concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::{Float64Type, TimestampMicrosecondType};
use datafusion::dataframe::DataFrame;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::utils::conjunction;
use datafusion::prelude::{col, lit};
use futures::StreamExt;
use tokio::task::JoinSet;

use super::super::all::read_batches;
use super::super::error::ReportError;
use super::Scope;
use super::batches::Batches;
use super::rows::{Enrolment, Key, Progress};
use super::users::{Users, detail_columns};
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

/// The enrolments in scope, and whom they name. Those of one batch are read at once; more are read again when wanted.
pub async fn enrolment_rows(catalog: &Catalog, scope: Scope<'_>) -> Result<EnrolmentRows, ReportError> {
    let what = "table enrolments";
    let columns = ["user_id", "batch_id", "course_id", "enrolled_at", "active"];
    let rows = table_in_scope(catalog, "enrolments", &columns, scope).await?;
    match scope {
        Scope::AllBatches => Ok(EnrolmentRows { rows, user_ids: None }),
        Scope::Range(_) => {
            let ids = rows
                .clone()
                .select_columns(&["user_id"])
                .map_err(EngineError::running(what))?;
            let read = read_partitions(ids, what, 1, |rows, parts: &mut [Vec<HashSet<String>>]| {
                if parts[0].is_empty() {
                    parts[0].push(HashSet::new());
                }
                add_new_ids(rows, &mut parts[0][0])
            });
            let user_ids = read.await?.into_iter().flatten().flatten().reduce(|mut ids, more| {
                ids.extend(more);
                ids
            });
            Ok(EnrolmentRows {
                rows,
                user_ids: Some(user_ids.unwrap_or_default()),
            })
        }
        Scope::OneBatch(_) => {
            let schema = Arc::new(rows.schema().as_arrow().clone());
            let mut batches = rows.collect().await.map_err(EngineError::running(what))?;
            let mut user_ids = HashSet::new();
            for batch in &batches {
                add_new_ids(batch, &mut user_ids)?;
            }
            batches.push(RecordBatch::new_empty(schema));
            let rows = catalog
                .session
                .read_batches(batches)
                .map_err(EngineError::running(what))?;
            Ok(EnrolmentRows {
                rows,
                user_ids: Some(user_ids),
            })
        }
    }
}

fn add_new_ids(rows: &RecordBatch, ids: &mut HashSet<String>) -> Result<(), ReportError> {
    for id in texts(rows, "user_id")?.iter().flatten() {
        if !ids.contains(id) {
            ids.insert(id.to_owned());
        }
    }
    Ok(())
}

/// The users of the table, or those of them that are wanted, without duplicates. Those are looked for while the directory
/// is made, because the query that removes them reads the table several times.
pub async fn users(catalog: &Catalog, wanted: Option<HashSet<String>>) -> Result<Arc<Users>, ReportError> {
    let wanted = wanted.map(Arc::new);
    for table in ["users", "distinct_users"] {
        let memory = MemoryConsumer::new("the directory of users").register(&catalog.session.runtime_env().memory_pool);
        let columns: Vec<&str> = std::iter::once("user_id").chain(detail_columns()).collect();
        let rows = table_columns(catalog, table, &columns)
            .await?
            .filter(col("user_id").is_not_null())
            .map_err(EngineError::running("table users"))?;
        let schema = Arc::new(rows.schema().as_arrow().clone());
        let batches = match &wanted {
            None => rows.collect().await.map_err(EngineError::running("table users"))?,
            Some(wanted) => {
                let wanted = Arc::clone(wanted);
                let read = read_partitions(rows, "table users", 1, move |rows, parts| {
                    parts[0].push(only_wanted(rows, &wanted)?);
                    Ok(())
                });
                read.await?.into_iter().flatten().flatten().collect()
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
    let is_wanted: BooleanArray = texts(rows, "user_id")?
        .iter()
        .map(|id| Some(id.is_some_and(|id| wanted.contains(id))))
        .collect();
    let kept = filter_record_batch(rows, &is_wanted)?;
    // Texts are views into the pages that were read; copying the few that are wanted lets go of the pages.
    let columns = kept.columns().iter().map(|column| match column.as_string_view_opt() {
        Some(texts) => Arc::new(texts.gc()) as ArrayRef,
        None => Arc::clone(column),
    });
    Ok(RecordBatch::try_new(kept.schema(), columns.collect())?)
}

/// The enrolments by part. Users and batches that only they name are added to the directories.
pub async fn enrolments(rows: DataFrame, users: Arc<Users>, batches: Batches) -> Result<Enrolments, ReportError> {
    let part_count = batches.part_count();
    let batches = Arc::new(batches);
    let (known_users, known_batches) = (Arc::clone(&users), Arc::clone(&batches));
    let read = read_partitions(rows, "table enrolments", part_count, move |rows, parts| {
        add_enrolments(rows, &known_users, &known_batches, parts)
    });
    Ok(Enrolments {
        users,
        batches,
        rows: read.await?,
    })
}

/// The progress by part, of those who are enrolled somewhere.
pub async fn progress(
    catalog: &Catalog,
    scope: Scope<'_>,
    enrolments: &Enrolments,
) -> Result<Vec<Chunks<Progress>>, ReportError> {
    let columns = ["user_id", "batch_id", "progress_percent", "completed_at"];
    let rows = table_in_scope(catalog, "course_progress", &columns, scope).await?;
    let (users, batches) = (Arc::clone(&enrolments.users), Arc::clone(&enrolments.batches));
    let part_count = batches.part_count();
    let read = read_partitions(rows, "table course_progress", part_count, move |rows, parts| {
        add_progress(rows, &users, &batches, parts)
    });
    read.await
}

async fn table_in_scope(
    catalog: &Catalog,
    table: &str,
    columns: &[&str],
    scope: Scope<'_>,
) -> Result<DataFrame, ReportError> {
    let rows = table_columns(catalog, table, columns).await?;
    let within = match scope {
        Scope::AllBatches => None,
        Scope::OneBatch(batch) => Some(col("batch_id").eq(lit(batch.as_str()))),
        Scope::Range(ids) => conjunction(
            ids.after
                .iter()
                .map(|id| col("batch_id").gt(lit(id)))
                .chain(ids.up_to.iter().map(|id| col("batch_id").lt_eq(lit(id)))),
        ),
    };
    match within {
        None => Ok(rows),
        Some(within) => Ok(rows
            .filter(within)
            .map_err(EngineError::running(format!("table {table}")))?),
    }
}

async fn table_columns(catalog: &Catalog, table: &str, columns: &[&str]) -> Result<DataFrame, ReportError> {
    let rows = catalog
        .session
        .table(table)
        .await
        .and_then(|rows| rows.select_columns(columns));
    Ok(rows.map_err(EngineError::running(format!("table {table}")))?)
}

/// Reads all partitions of `rows` at the same time; `add` puts the rows of a batch into their parts.
async fn read_partitions<R: Send + 'static>(
    rows: DataFrame,
    what: &'static str,
    part_count: usize,
    add: impl Fn(&RecordBatch, &mut [Vec<R>]) -> Result<(), ReportError> + Send + Sync + 'static,
) -> Result<Vec<Chunks<R>>, ReportError> {
    let add = Arc::new(add);
    let mut readers = JoinSet::new();
    for mut partition in rows
        .execute_stream_partitioned()
        .await
        .map_err(EngineError::running(what))?
    {
        let add = Arc::clone(&add);
        readers.spawn(async move {
            let mut parts: Vec<Vec<R>> = std::iter::repeat_with(Vec::new).take(part_count).collect();
            while let Some(batch) = partition.next().await {
                add(&batch.map_err(EngineError::running(what))?, &mut parts)?;
            }
            Ok::<_, ReportError>(parts)
        });
    }
    let mut chunks: Vec<Chunks<R>> = std::iter::repeat_with(Vec::new).take(part_count).collect();
    while let Some(read) = readers.join_next().await {
        let parts = read.map_err(|_| EngineError::Lost("rows of a table"))??;
        for (chunks, chunk) in chunks.iter_mut().zip(parts) {
            chunks.push(chunk);
        }
    }
    Ok(chunks)
}

fn add_enrolments(
    rows: &RecordBatch,
    users: &Users,
    batches: &Batches,
    parts: &mut [Vec<Enrolment>],
) -> Result<(), ReportError> {
    let (user_ids, batch_ids, course_ids) = (
        texts(rows, "user_id")?,
        texts(rows, "batch_id")?,
        texts(rows, "course_id")?,
    );
    let times = column(rows, "enrolled_at", |array| {
        array.as_primitive_opt::<TimestampMicrosecondType>()
    })?;
    let active = column(rows, "active", |array| array.as_boolean_opt())?;
    for (row, user) in users.find_listed(user_ids).into_iter().enumerate() {
        if user_ids.is_null(row) || batch_ids.is_null(row) {
            continue;
        }
        let is_active = active.is_valid(row) && active.value(row);
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
    let percents = column(rows, "progress_percent", |array| {
        array.as_primitive_opt::<Float64Type>()
    })?;
    let times = column(rows, "completed_at", |array| {
        array.as_primitive_opt::<TimestampMicrosecondType>()
    })?;
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
