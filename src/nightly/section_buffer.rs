//! Buffers the rows of a section until it is complete, to plan its files by the fingerprints of its rows.
//!
//! This is needed where SQL queries make the rows of reports, so that fingerprints cannot be computed before. A section
//! that exceeds the buffer is written as its rows arrive, and its files have no fingerprints.

use std::iter::Peekable;
use std::ops::Range;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::partition;
use datafusion::arrow::row::{RowConverter, SortField};

use super::error::NightlyError;
use super::incremental::Incremental;
use super::parts::Targets;
use super::sections::{batch_ids, count_up_to};
use crate::report::{Fingerprint, FingerprintBuilder, ReportBatch, ReportError, ReportGroup, Section};

/// The most rows that are buffered: some tens of megabytes.
const MOST_HELD: usize = 65_536;

/// The buffered rows of the current section of a part.
pub struct SectionBuffer<'a> {
    reports: &'a ReportGroup,
    incremental: &'a Incremental,
    /// The sections that are not complete, the current one first.
    sections: &'a [Section],
    /// The position of the part's first batch in the group.
    first_batch: usize,
    held: Vec<RecordBatch>,
    /// Whether the current section has exceeded the buffer, so that its rows are written as they arrive.
    is_written: bool,
    has_compared: bool,
}

impl<'a> SectionBuffer<'a> {
    /// An empty buffer for the rows of a part.
    pub fn before(reports: &'a ReportGroup, part: usize, incremental: &'a Incremental) -> Self {
        let sections = reports.sections_of_part(part);
        Self {
            reports,
            incremental,
            sections,
            first_batch: sections.first().map_or(0, |section| section.batches.start),
            held: Vec::new(),
            is_written: false,
            has_compared: false,
        }
    }

    /// Buffers the next rows, and writes those of complete sections.
    pub async fn append(&mut self, mut rows: RecordBatch, to: &mut Targets<'_, '_>) -> Result<(), NightlyError> {
        while rows.num_rows() > 0 {
            let of_current = match self.last_batch_id() {
                Some(last) => count_up_to(batch_ids(&rows)?, last),
                None if self.sections.is_empty() => return to.files.append(rows),
                None => 0,
            };
            if of_current > 0 {
                self.hold(rows.slice(0, of_current), to)?;
            }
            if of_current < rows.num_rows() {
                self.complete(to).await?;
            }
            rows = rows.slice(of_current, rows.num_rows() - of_current);
        }
        Ok(())
    }

    /// Writes the remaining rows.
    pub async fn finish(mut self, to: &mut Targets<'_, '_>) -> Result<(), NightlyError> {
        while !self.sections.is_empty() {
            self.complete(to).await?;
        }
        Ok(())
    }

    fn last_batch_id(&self) -> Option<&'a str> {
        let batches = self.sections.first()?.batches.clone();
        self.reports.batches[batches]
            .last()
            .map(|batch| batch.batch_id.as_str())
    }

    fn hold(&mut self, rows: RecordBatch, to: &mut Targets<'_, '_>) -> Result<(), NightlyError> {
        if self.is_written {
            return to.files.append(rows);
        }
        self.held.push(rows);
        if self.held.iter().map(RecordBatch::num_rows).sum::<usize>() > MOST_HELD {
            self.is_written = true;
            for rows in self.held.drain(..) {
                to.files.append(rows)?;
            }
        }
        Ok(())
    }

    async fn complete(&mut self, to: &mut Targets<'_, '_>) -> Result<(), NightlyError> {
        let Some((section, others)) = self.sections.split_first() else {
            return Ok(());
        };
        self.sections = others;
        let held = std::mem::take(&mut self.held);
        if std::mem::take(&mut self.is_written) {
            return Ok(());
        }
        let batches = &self.reports.batches[section.batches.clone()];
        let fingerprints = fingerprints(batches, &held)?;
        let mut is_needed = true;
        if let Some(fingerprints) = fingerprints {
            let plan = self
                .incremental
                .plan_section(section.number, batches, &fingerprints)
                .await;
            is_needed = plan.is_needed();
            let within = self.within(section);
            if let Some((check, again)) = &mut to.again
                && let Some(compared) = check.of_section(section, &plan, !self.has_compared)
            {
                self.has_compared = true;
                again.plan(section.number, within.clone(), compared);
                for rows in &held {
                    again.append(rows.clone())?;
                }
            }
            to.files.plan(section.number, within, plan);
        }
        for rows in held.into_iter().filter(|_| is_needed) {
            to.files.append(rows)?;
        }
        Ok(())
    }

    /// The positions of a section's batches within the part.
    fn within(&self, section: &Section) -> Range<usize> {
        section.batches.start - self.first_batch..section.batches.end - self.first_batch
    }
}

/// The fingerprints of the batches of the buffered rows, over all columns. `None` where rows are not in the order of the
/// batches; the writer of reports then returns the error.
fn fingerprints(batches: &[ReportBatch], held: &[RecordBatch]) -> Result<Option<Vec<Fingerprint>>, ReportError> {
    let mut runs = runs(held)?.into_iter().peekable();
    let mut builder = FingerprintBuilder::default();
    let mut all = Vec::with_capacity(batches.len());
    for batch in batches {
        builder.text(Some(&batch.batch_id));
        builder.text(batch.course_id.as_deref());
        builder.text(batch.tenant_id.as_deref());
        while let Some(run) = next_of(&mut runs, &batch.batch_id) {
            add_rows(&mut builder, &run)?;
        }
        all.push(builder.finish());
    }
    Ok(runs.next().is_none().then_some(all))
}

/// The rows of one batch in one record batch.
struct Run {
    batch_id: String,
    rows: RecordBatch,
}

fn runs(held: &[RecordBatch]) -> Result<Vec<Run>, ReportError> {
    let mut runs = Vec::new();
    for rows in held {
        let ids = batch_ids(rows)?;
        let column = rows
            .column_by_name("batch_id")
            .ok_or(ReportError::MissingColumn("batch_id"))?;
        for run in partition(std::slice::from_ref(column))?.ranges() {
            runs.push(Run {
                batch_id: ids.value(run.start).to_owned(),
                rows: rows.slice(run.start, run.len()),
            });
        }
    }
    Ok(runs)
}

fn next_of(runs: &mut Peekable<impl Iterator<Item = Run>>, batch_id: &str) -> Option<Run> {
    runs.next_if(|run| run.batch_id == batch_id)
}

fn add_rows(builder: &mut FingerprintBuilder, run: &Run) -> Result<(), ReportError> {
    let schema = run.rows.schema();
    let fields = schema
        .fields()
        .iter()
        .map(|field| SortField::new(field.data_type().clone()));
    let converter = RowConverter::new(fields.collect())?;
    let rows = converter.convert_columns(run.rows.columns())?;
    for row in &rows {
        builder.bytes(row.data());
    }
    Ok(())
}
