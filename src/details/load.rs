//! Reads the snapshot's tables into directories and numbered rows, several partitions at a time.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::{Float64Type, TimestampMicrosecondType};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use futures::StreamExt;
use tokio::task::JoinSet;

use super::batch_lookup::BatchLookup;
use super::batches::{Batches, ReportBatch, read_batches};
use super::columns::Wanted;
use super::enrolment_counts::EnrolmentCounts;
use super::error::DetailsError;
use super::records::{Details, DetailsBuilder};
use super::row_list::RowList;
use super::row_memory::RowMemory;
use super::rows::{ENROLMENT_BYTES, Enrolment, Key, PROGRESS_BYTES, Progress};
use super::scope::Scope;
use super::sharing_of;
use super::tables::Tables;
use super::user_rows::UserReader;
use super::users::{UnknownUsers, UserIds, Users};
use crate::engine::{EngineError, compacted};

/// Where users are read from: the first of these in which no id is repeated. The second one is slower.
pub const USER_TABLES: [&str; 2] = ["users", "distinct_users"];

/// The columns that are read of the other tables.
const ENROLMENT_COLUMNS: [&str; 5] = ["user_id", "batch_id", "course_id", "enrolled_at", "active"];
const PROGRESS_COLUMNS: [&str; 4] = ["user_id", "batch_id", "progress_percent", "completed_at"];
const BATCH_COLUMNS: [&str; 3] = ["batch_id", "course_id", "tenant_id"];

/// The name of the details in error messages.
pub const DETAILS: &str = "the details of users";

/// The enrolments of all parts, and the users and batches that they name.
pub struct Enrolments {
    pub users: Arc<Users>,
    pub unknown_users: Arc<UnknownUsers>,
    pub batches: Arc<Batches>,
    /// Rows by part.
    pub rows: Vec<RowList<Enrolment>>,
    /// The counts of all rows that were read.
    pub counts: EnrolmentCounts,
}

/// The columns that are read of a table other than `users`.
pub fn columns_of(table: &str) -> &'static [&'static str] {
    match table {
        "enrolments" => &ENROLMENT_COLUMNS,
        "course_progress" => &PROGRESS_COLUMNS,
        _ => &BATCH_COLUMNS,
    }
}

/// The batches of the table in scope, each once, ordered by id.
pub async fn batches(tables: &dyn Tables, scope: Scope<'_>) -> Result<Vec<ReportBatch>, DetailsError> {
    let rows = tables.read("distinct_batches", &BATCH_COLUMNS, scope).await?;
    let rows = gathered(rows, "table batches", &RowMemory::default()).await?;
    let mut batches = read_batches(&rows)?;
    batches.sort_unstable_by(|a, b| a.batch_id.cmp(&b.batch_id));
    Ok(batches)
}

/// The rows of `enrolments` in scope.
pub async fn enrolment_rows(
    tables: &dyn Tables,
    scope: Scope<'_>,
) -> Result<Vec<SendableRecordBatchStream>, DetailsError> {
    tables.read("enrolments", &ENROLMENT_COLUMNS, scope).await
}

/// The rows of `course_progress` in scope; none where no wanted column needs them.
pub async fn progress_rows(
    tables: &dyn Tables,
    scope: Scope<'_>,
    wanted: &Wanted,
) -> Result<Vec<SendableRecordBatchStream>, DetailsError> {
    if !wanted.has_progress() {
        return Ok(Vec::new());
    }
    tables.read("course_progress", &PROGRESS_COLUMNS, scope).await
}

/// Collects the rows, compacted, and accounts for them in `memory`.
pub async fn gathered(
    rows: Vec<SendableRecordBatchStream>,
    what: &'static str,
    memory: &RowMemory,
) -> Result<Vec<RecordBatch>, DetailsError> {
    let memory = memory.clone();
    let own_rows = move |rows: &RecordBatch| -> Result<RecordBatch, DetailsError> {
        let own = compacted(rows).map_err(EngineError::running(what))?;
        memory.grow(bytes_of(&own))?;
        Ok(own)
    };
    of_each_batch(rows, what, own_rows).await
}

/// The bytes of compacted rows. What they share of larger buffers is not counted: other rows may count it.
fn bytes_of(rows: &RecordBatch) -> usize {
    let of_column = |column: &ArrayRef| {
        let texts = column.as_string_view_opt();
        let texts = texts.map_or(0, |texts| {
            texts.data_buffers().iter().map(|buffer| buffer.len()).sum::<usize>()
        });
        column.to_data().get_slice_memory_size().unwrap_or_default() + texts
    };
    rows.columns().iter().map(of_column).sum()
}

/// A directory of the users that some rows name.
pub fn named_users(tables: &dyn Tables, rows: &[RecordBatch]) -> Result<Users, DetailsError> {
    Users::distinct(ids_in(rows)?, directory_memory(tables))
}

fn ids_in(rows: &[RecordBatch]) -> Result<UserIds, DetailsError> {
    let ids = rows.iter().map(|rows| Ok(UserIds::of(texts(rows, "user_id")?)));
    Ok(UserIds::joined(ids.collect::<Result<_, DetailsError>>()?))
}

/// The users of a table in which no id is repeated, and the name of that table.
pub async fn users(tables: &dyn Tables) -> Result<(Arc<Users>, &'static str), DetailsError> {
    for table in USER_TABLES {
        let rows = tables.read(table, &["user_id"], Scope::Everything).await?;
        let ids = of_each_batch(rows, "table users", |rows| Ok(UserIds::of(texts(rows, "user_id")?)));
        if let Some(users) = Users::try_new(UserIds::joined(ids.await?), directory_memory(tables))? {
            return Ok((Arc::new(users), table));
        }
        tracing::warn!("table users has several rows of one user_id; the fullest counts");
    }
    Err(repeated_users())
}

/// The users in `wanted` that the export has, each once, with these of their details.
pub async fn wanted_users(
    tables: &dyn Tables,
    wanted: Users,
    texts: &[&'static str],
) -> Result<(Arc<Users>, Arc<Details>), DetailsError> {
    let wanted = Arc::new(wanted);
    let columns = user_columns_with(texts);
    for table in USER_TABLES {
        let rows = match wanted.len() {
            0 => Vec::new(),
            _ => tables.read(table, &columns, Scope::Everything).await?,
        };
        let mut details = DetailsBuilder::in_memory(wanted.len(), sharing_of(texts));
        let memory = details_memory(tables, &details)?;
        let Some(found) = fill_wanted(rows, &wanted, &mut details, &memory).await? else {
            continue;
        };
        let users = wanted.only(&found, directory_memory(tables))?;
        let details = details.only(&found).finish(memory);
        return Ok((users, Arc::new(details.map_err(EngineError::running(DETAILS))?)));
    }
    Err(repeated_users())
}

/// Fills the records of those users in `wanted` whom the rows have, while more rows are read; gives by number whether
/// they do, or `None` where they have a user twice.
async fn fill_wanted(
    rows: Vec<SendableRecordBatchStream>,
    wanted: &Arc<Users>,
    details: &mut DetailsBuilder,
    memory: &MemoryReservation,
) -> Result<Option<Vec<bool>>, DetailsError> {
    let mut found = vec![false; wanted.len()];
    let mut reader = UserReader::of_known(rows, wanted);
    while let Some(read) = reader.next().await? {
        for &number in read.numbers.iter().flatten() {
            if std::mem::replace(&mut found[number as usize], true) {
                return Ok(None);
            }
        }
        details
            .fill(&read.numbers, &read.rows.columns()[1..])
            .map_err(EngineError::running(DETAILS))?;
        memory
            .try_resize(details.allocation_size())
            .map_err(EngineError::running(DETAILS))?;
    }
    Ok(Some(found))
}

/// Reads these details of all users from the table that their ids came from.
pub async fn details(
    tables: &dyn Tables,
    table: &'static str,
    texts: &[&'static str],
    users: &Arc<Users>,
    mut details: DetailsBuilder,
) -> Result<Details, DetailsError> {
    let memory = details_memory(tables, &details)?;
    let partitions = match texts {
        [] => Vec::new(),
        _ => tables.read(table, &user_columns_with(texts), Scope::Everything).await?,
    };
    let mut reader = UserReader::begin(partitions, users, details.takes_fingerprints());
    while let Some(read) = reader.next().await? {
        details
            .fill(&read.numbers, &read.rows.columns()[1..])
            .map_err(EngineError::running(DETAILS))?;
        if let Some(fingerprints) = read.fingerprints {
            details.set_fingerprints(&read.numbers, &fingerprints);
        }
        memory
            .try_resize(details.allocation_size())
            .map_err(EngineError::running(DETAILS))?;
        // Yields, so that the other tables are read at the same time.
        tokio::task::yield_now().await;
    }
    Ok(details.finish(memory).map_err(EngineError::running(DETAILS))?)
}

/// The columns of `users` to read for these texts.
pub fn user_columns_with(texts: &[&'static str]) -> Vec<&'static str> {
    std::iter::once("user_id").chain(texts.iter().copied()).collect()
}

fn details_memory(tables: &dyn Tables, details: &DetailsBuilder) -> Result<MemoryReservation, DetailsError> {
    let memory = MemoryConsumer::new(DETAILS).register(&tables.memory_pool());
    let reserved = memory.try_resize(details.allocation_size());
    reserved.map_err(EngineError::running(DETAILS))?;
    Ok(memory)
}

fn directory_memory(tables: &dyn Tables) -> MemoryReservation {
    MemoryConsumer::new("the directory of users").register(&tables.memory_pool())
}

fn repeated_users() -> DetailsError {
    let error = EngineError::Query {
        what: "query staging/distinct_users".to_owned(),
        reason: "it gives a user_id more than once".to_owned(),
    };
    error.into()
}

/// Reads the enrolments by part, and accounts for them in `memory`. Unknown users and batches get numbers too.
pub async fn enrolments(
    rows: Vec<SendableRecordBatchStream>,
    users: Arc<Users>,
    batches: Batches,
    memory: &RowMemory,
) -> Result<Enrolments, DetailsError> {
    let memory = memory.clone();
    let part_count = batches.part_count();
    let (batches, unknown_users) = (Arc::new(batches), Arc::new(UnknownUsers::to(&users)));
    let (known_users, met, known_batches) = (Arc::clone(&users), Arc::clone(&unknown_users), Arc::clone(&batches));
    let counts = Arc::new(Mutex::new(EnrolmentCounts::default()));
    let counted = Arc::clone(&counts);
    let read = read_partitions(rows, "table enrolments", part_count, move |rows, parts| {
        memory.grow(rows.num_rows() * ENROLMENT_BYTES)?;
        let of_rows = add_enrolments(rows, &known_users, &met, &known_batches, parts)?;
        *counted.lock().unwrap_or_else(PoisonError::into_inner) += of_rows;
        Ok(())
    });
    let rows = read.await?;
    let counts = *counts.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Enrolments {
        rows,
        users,
        unknown_users,
        batches,
        counts,
    })
}

/// Reads the progress of enrolled users, by part, and accounts for it in `memory`.
pub async fn progress(
    rows: Vec<SendableRecordBatchStream>,
    enrolments: &Enrolments,
    memory: &RowMemory,
) -> Result<Vec<RowList<Progress>>, DetailsError> {
    let memory = memory.clone();
    let (users, unknown_users) = (Arc::clone(&enrolments.users), Arc::clone(&enrolments.unknown_users));
    let batches = Arc::clone(&enrolments.batches);
    let part_count = batches.part_count();
    let read = read_partitions(rows, "table course_progress", part_count, move |rows, parts| {
        memory.grow(rows.num_rows() * PROGRESS_BYTES)?;
        add_progress(rows, &users, &unknown_users, &batches, parts)
    });
    read.await
}

/// Applies `read` to each record batch of all partitions, which are read at the same time.
async fn of_each_batch<R: Send + 'static>(
    rows: Vec<SendableRecordBatchStream>,
    what: &'static str,
    read: impl Fn(&RecordBatch) -> Result<R, DetailsError> + Send + Sync + 'static,
) -> Result<Vec<R>, DetailsError> {
    let made = read_partitions(rows, what, 1, move |rows, parts| {
        parts[0].push(read(rows)?);
        Ok(())
    });
    Ok(made.await?.into_iter().flatten().collect())
}

/// Reads all partitions at the same time; `add` distributes the rows of a record batch to their parts.
pub async fn read_partitions<R: Send + 'static>(
    rows: Vec<SendableRecordBatchStream>,
    what: &'static str,
    part_count: usize,
    add: impl Fn(&RecordBatch, &mut [RowList<R>]) -> Result<(), DetailsError> + Send + Sync + 'static,
) -> Result<Vec<RowList<R>>, DetailsError> {
    let add = Arc::new(add);
    let mut readers = JoinSet::new();
    for mut partition in rows {
        let add = Arc::clone(&add);
        readers.spawn(async move {
            let mut parts: Vec<RowList<R>> = std::iter::repeat_with(RowList::default).take(part_count).collect();
            while let Some(batch) = partition.next().await {
                add(&batch.map_err(EngineError::running(what))?, &mut parts)?;
            }
            Ok::<_, DetailsError>(parts)
        });
    }
    let mut parts: Vec<RowList<R>> = std::iter::repeat_with(RowList::default).take(part_count).collect();
    while let Some(read) = readers.join_next().await {
        let more = read.map_err(|_| EngineError::Lost("rows of a table"))??;
        for (rows, more) in parts.iter_mut().zip(more) {
            rows.append(more);
        }
    }
    Ok(parts)
}

fn add_enrolments(
    rows: &RecordBatch,
    users: &Users,
    unknown_users: &UnknownUsers,
    batches: &Batches,
    parts: &mut [RowList<Enrolment>],
) -> Result<EnrolmentCounts, DetailsError> {
    let (user_ids, batch_ids, course_ids) = (
        texts(rows, "user_id")?,
        texts(rows, "batch_id")?,
        texts(rows, "course_id")?,
    );
    let times = column(rows, "enrolled_at", |array| {
        array.as_primitive_opt::<TimestampMicrosecondType>()
    })?;
    let active = column(rows, "active", |array| array.as_boolean_opt())?;
    let mut counts = EnrolmentCounts::default();
    let mut named = BatchLookup::new(batches, batch_ids);
    for (row, user) in users.find(user_ids).into_iter().enumerate() {
        let is_active = active.is_valid(row) && active.value(row);
        counts.count(user_ids.is_valid(row), batch_ids.is_valid(row), is_active);
        if user_ids.is_null(row) || batch_ids.is_null(row) {
            continue;
        }
        let listed = named.listed(row);
        if !batches.has_rows_of(listed) {
            continue;
        }
        let course_id = course_ids.is_valid(row).then(|| course_ids.value(row));
        let batch = match listed {
            Some(batch) => batch,
            None => batches.find_or_add(batch_ids.value(row), course_id)?,
        };
        let user = match user {
            Some(user) => user,
            None => unknown_users.find_or_add(user_ids.value(row))?,
        };
        let enrolled_at = times.is_valid(row).then(|| times.value(row));
        parts[batch.part].push(Enrolment::new(Key::new(batch.number, user), enrolled_at, is_active));
    }
    Ok(counts)
}

fn add_progress(
    rows: &RecordBatch,
    users: &Users,
    unknown_users: &UnknownUsers,
    batches: &Batches,
    parts: &mut [RowList<Progress>],
) -> Result<(), DetailsError> {
    let (user_ids, batch_ids) = (texts(rows, "user_id")?, texts(rows, "batch_id")?);
    let percents = column(rows, "progress_percent", |array| {
        array.as_primitive_opt::<Float64Type>()
    })?;
    let times = column(rows, "completed_at", |array| {
        array.as_primitive_opt::<TimestampMicrosecondType>()
    })?;
    let mut named = BatchLookup::new(batches, batch_ids);
    for (row, user) in users.find(user_ids).into_iter().enumerate() {
        if user_ids.is_null(row) || batch_ids.is_null(row) {
            continue;
        }
        let listed = named.listed(row);
        if !batches.has_rows_of(listed) {
            continue;
        }
        let user = user.or_else(|| unknown_users.find(user_ids.value(row)));
        let batch = listed.or_else(|| batches.find(batch_ids.value(row)));
        let (Some(batch), Some(user)) = (batch, user) else {
            continue;
        };
        let percent = percents.is_valid(row).then(|| percents.value(row));
        let completed_at = times.is_valid(row).then(|| times.value(row));
        parts[batch.part].push(Progress::new(Key::new(batch.number, user), percent, completed_at));
    }
    Ok(())
}

/// A text column.
pub fn texts<'a>(rows: &'a RecordBatch, name: &'static str) -> Result<&'a StringViewArray, DetailsError> {
    column(rows, name, |array| array.as_string_view_opt())
}

/// A column of the type that `downcast` finds.
pub fn column<'a, A>(
    rows: &'a RecordBatch,
    name: &'static str,
    downcast: impl FnOnce(&'a dyn Array) -> Option<&'a A>,
) -> Result<&'a A, DetailsError> {
    let array = rows.column_by_name(name).and_then(|array| downcast(array.as_ref()));
    array.ok_or(DetailsError::MissingColumn(name))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use datafusion::arrow::array::{BooleanArray, TimestampMicrosecondArray};
    use datafusion::common::DataFusionError;
    use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool, UnboundedMemoryPool};
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

    use super::super::streams_of;
    use super::*;

    /// Rows of users: ids and first names.
    fn users(rows: &[(&str, &str)]) -> RecordBatch {
        let column = |texts: StringViewArray| Arc::new(texts) as ArrayRef;
        let ids = column(rows.iter().map(|(id, _)| Some(*id)).collect());
        let names = column(rows.iter().map(|(_, name)| Some(*name)).collect());
        RecordBatch::try_from_iter([("user_id", ids), ("first_name", names)]).expect("rows")
    }

    /// Which of the users `a`, `b` and `c` are among these rows, and the first names of those who are.
    async fn found(rows: Vec<RecordBatch>) -> Option<(Vec<bool>, Vec<String>)> {
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let memory = || MemoryConsumer::new("users").register(&pool);
        let ids = StringViewArray::from_iter_values(["c", "a", "b"]);
        let wanted = Arc::new(Users::distinct(UserIds::of(&ids), memory()).expect("few users"));
        let mut details = DetailsBuilder::in_memory(wanted.len(), sharing_of(&["first_name"]));
        let rows = streams_of(rows).expect("rows");
        let found = fill_wanted(rows, &wanted, &mut details, &memory()).await;
        let found = found.expect("users")?;
        let known = wanted.only(&found, memory()).expect("few users");
        let details = details.only(&found).finish(memory()).expect("records");
        let numbers: Vec<Option<u32>> = (0u32..).take(known.len()).map(Some).collect();
        let names = details.take(&numbers).expect("records");
        let names = names[0].as_string_view().iter().flatten().map(str::to_owned);
        Some((found, names.collect()))
    }

    #[tokio::test]
    async fn wanted_users_are_numbered_anew_where_the_export_lacks_some() {
        let rows = vec![users(&[("c", "Chitra"), ("x", "Xavier")]), users(&[("a", "Asha")])];
        let (are_found, names) = found(rows).await.expect("no id twice");
        assert_eq!(are_found, [true, false, true]);
        assert_eq!(names, ["Asha", "Chitra"]);
    }

    #[tokio::test]
    async fn a_wanted_user_who_comes_twice_is_seen_and_another_is_not() {
        assert!(
            found(vec![users(&[("a", "Asha"), ("b", "Bela")]), users(&[("a", "Asha")])])
                .await
                .is_none()
        );
        let others = found(vec![
            users(&[("x", "Xavier"), ("x", "Xavier")]),
            users(&[("b", "Bela")]),
        ])
        .await;
        assert_eq!(others, Some((vec![false, true, false], vec!["Bela".to_owned()])));
    }

    /// Enrolments of a hundred users in a batch.
    fn hundred_enrolments() -> RecordBatch {
        let users: ArrayRef = Arc::new(StringViewArray::from_iter_values(
            (0..100).map(|user| format!("u{user}")),
        ));
        let same = |id: &str| -> ArrayRef { Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(id, 100))) };
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(0..100).with_timezone("UTC"));
        let active: ArrayRef = Arc::new(BooleanArray::from(vec![true; 100]));
        RecordBatch::try_from_iter([
            ("user_id", users),
            ("batch_id", same("b1")),
            ("course_id", same("c1")),
            ("enrolled_at", times),
            ("active", active),
        ])
        .expect("rows")
    }

    /// The same rows a thousand times, and how often they were read.
    fn repeated(rows: &RecordBatch) -> (Vec<SendableRecordBatchStream>, Arc<AtomicUsize>) {
        let read = Arc::new(AtomicUsize::new(0));
        let (count, batch) = (Arc::clone(&read), rows.clone());
        let batches = futures::stream::iter(0..1_000).map(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, DataFusionError>(batch.clone())
        });
        let stream: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(rows.schema(), batches));
        (vec![stream], read)
    }

    #[tokio::test]
    async fn a_memory_limit_ends_the_reading_before_all_rows_are_there() {
        let rows = hundred_enrolments();
        let limited: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(25 * 100 * ENROLMENT_BYTES));
        let memory = RowMemory::within(&limited);
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let ids = UserIds::of(texts(&rows, "user_id").expect("ids"));
        let users = Users::distinct(ids, MemoryConsumer::new("users").register(&pool)).expect("few users");
        let (many, read) = repeated(&rows);
        let batches = Batches::within(Vec::new(), Arc::default());
        let numbered = enrolments(many, Arc::new(users), batches, &memory).await;
        let message = numbered.err().expect("too many rows").to_string();
        assert!(
            message.starts_with("the rows of enrolment_details: the memory limit does not suffice: ")
                && message.contains("--memory-limit"),
            "{message}"
        );
        assert_eq!(read.load(Ordering::Relaxed), 26);
        drop(memory);
        assert_eq!(limited.reserved(), 0);
    }

    #[tokio::test]
    async fn rows_that_wait_for_numbers_count_towards_the_limit_too() {
        let rows = hundred_enrolments();
        let own = bytes_of(&compacted(&rows).expect("rows"));
        let limited: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(3 * own));
        let memory = RowMemory::within(&limited);
        let (many, read) = repeated(&rows);
        let waiting = gathered(many, "table enrolments", &memory).await;
        let message = waiting.expect_err("too many rows").to_string();
        assert!(message.starts_with("the rows of enrolment_details: "), "{message}");
        assert_eq!(read.load(Ordering::Relaxed), 4);
    }
}
