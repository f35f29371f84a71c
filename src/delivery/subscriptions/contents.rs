//! The content of a subscription's reports: digests, which show whether anything has changed since the last time, and
//! the values that officers have rows of.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::error::DataFusionError;
use futures::StreamExt;

use super::super::source::{Current, SourceError};
use crate::engine::EngineError;
use crate::ids::BatchId;
use crate::report::{COLUMNS, Cells, FingerprintBuilder, ReportError, ReportFilter, ReportRows, SplitColumn};

/// A digest of the wanted rows of some batches: equal exactly where these are equal, batch by batch.
///
/// # Errors
/// The rows cannot be read.
pub async fn content_of(current: &Current, batches: &[BatchId], filter: &ReportFilter) -> Result<String, SourceError> {
    let mut digest = FingerprintBuilder::default();
    for batch in batches {
        digest.text(Some(batch.as_str()));
        let (mut rows, _) = current.rows_of(std::slice::from_ref(batch), filter).await?;
        while let Some(some) = rows.next().await {
            add(&mut digest, &read(some)?);
        }
    }
    Ok(digest.finish().to_string())
}

/// The values of a column in the wanted rows, each with the places of the batches that have it.
///
/// # Errors
/// The rows cannot be read.
pub async fn places_of_values(
    current: &Current,
    batches: &[BatchId],
    filter: &ReportFilter,
    column: SplitColumn,
) -> Result<BTreeMap<String, BTreeSet<usize>>, SourceError> {
    let position = COLUMNS.iter().position(|known| known.name == column.name());
    let mut places: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (place, batch) in batches.iter().enumerate() {
        let (mut rows, _) = current.rows_of(std::slice::from_ref(batch), filter).await?;
        while let Some(some) = rows.next().await {
            let some = read(some)?;
            let Some(Cells::Text(texts)) = position.and_then(|position| some.columns().get(position)) else {
                return Err(ReportError::MissingColumn(column.name()).into());
            };
            for text in texts.iter().flatten() {
                if let Some(known) = places.get_mut(text) {
                    known.insert(place);
                } else {
                    places.insert(text.to_owned(), BTreeSet::from([place]));
                }
            }
        }
    }
    Ok(places)
}

fn read(rows: Result<RecordBatch, DataFusionError>) -> Result<ReportRows, SourceError> {
    let rows = rows
        .map_err(EngineError::running("reading the report of a subscription"))
        .map_err(ReportError::from)?;
    Ok(ReportRows::try_new(&rows)?)
}

fn add(digest: &mut FingerprintBuilder, rows: &ReportRows) {
    for row in 0..rows.len() {
        for cells in rows.columns() {
            match cells {
                Cells::Text(texts) => digest.text(texts.is_valid(row).then(|| texts.value(row))),
                Cells::Date(days) => add_number(digest, days.is_valid(row).then(|| days.value(row))),
                Cells::Percent(percents) => add_number(digest, percents.is_valid(row).then(|| percents.value(row))),
            }
        }
    }
}

/// Hashes a number, distinct from a missing one.
fn add_number(digest: &mut FingerprintBuilder, number: Option<i32>) {
    digest.fixed(&[u8::from(number.is_some())]);
    digest.fixed(&number.unwrap_or_default().to_le_bytes());
}
