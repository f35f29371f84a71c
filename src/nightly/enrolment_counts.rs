//! The enrolment counts of the manifest, in which each enrolment that was read is reported or left out for a reason.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, UInt64Type};

use super::error::NightlyError;
use super::manifest::{Content, Counts, FileEntry, Rejected};
use crate::catalog::Catalog;
use crate::engine::EngineError;
use crate::report::{EnrolmentCounts, ReportError};

/// The counts of the manifest, from those of the table `enrolments` and the files of the output.
pub fn counts(enrolments: EnrolmentCounts, files: &[FileEntry]) -> Counts {
    let mut counts = Counts {
        enrolments_read: enrolments.read,
        without_user_id: enrolments.without_user_id,
        without_batch_id: enrolments.without_batch_id,
        not_active: enrolments.not_active,
        ..Counts::default()
    };
    for file in files {
        if let Content::ReportCsv { unknown_users, .. } = &file.content {
            counts.batches += 1;
            counts.empty_batches += u64::from(file.rows == 0);
            counts.rows_reported += file.rows;
            counts.reported_unknown_users += unknown_users;
        }
    }
    let accounted = counts.rows_reported + counts.without_user_id + counts.without_batch_id + counts.not_active;
    counts.superseded_or_omitted = counts.enrolments_read.saturating_sub(accounted);
    counts
}

/// The enrolments that no report shows, by reason and batch.
pub async fn rejected(catalog: &Catalog, counts: &Counts) -> Result<Vec<Rejected>, NightlyError> {
    if counts.without_user_id + counts.without_batch_id == 0 {
        return Ok(Vec::new());
    }
    let frame = catalog
        .query("reports/rejected_enrolments", |parameters| parameters)
        .await?;
    let batches = frame
        .collect()
        .await
        .map_err(EngineError::running("the rejected enrolments"))?;
    let mut all = Vec::new();
    for rows in &batches {
        let column = |name| rows.column_by_name(name).ok_or(ReportError::MissingColumn(name));
        let text = |name| Ok::<_, ReportError>(cast(column(name)?, &DataType::Utf8View)?);
        let (reasons, batch_ids) = (text("reason")?, text("batch_id")?);
        let (reasons, batch_ids) = (reasons.as_string_view(), batch_ids.as_string_view());
        let counts = cast(column("rejected_rows")?, &DataType::UInt64).map_err(ReportError::from)?;
        let counts = counts.as_primitive::<UInt64Type>();
        for row in 0..rows.num_rows() {
            all.push(Rejected {
                reason: reasons.value(row).to_owned(),
                batch_id: batch_ids.is_valid(row).then(|| batch_ids.value(row).to_owned()),
                rows: counts.value(row),
            });
        }
    }
    Ok(all)
}
