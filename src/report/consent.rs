//! Counts what consent hides in reports, where it is required.

use datafusion::scalar::ScalarValue;
use serde::{Deserialize, Serialize};

use super::all::number;
use super::error::ReportError;
use crate::catalog::Catalog;
use crate::engine::EngineError;
use crate::ids::BatchId;

/// Rows of reports that consent changes, as `queries/reports/consent_counts.sql` defines them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentCounts {
    /// Rows without names, mail address, phone number and external id, because their users do not consent.
    pub hidden_details: u64,
    /// Active enrolments that are left out, because neither the user nor the course belongs to the batch's
    /// organisation.
    pub left_out: u64,
}

/// Counts what consent changes in the report of a batch, or in all reports; `None` where consent is not required.
///
/// # Errors
/// Where the query fails, or a site's own lacks a column.
pub async fn count_consents(catalog: &Catalog, batch: Option<&BatchId>) -> Result<Option<ConsentCounts>, ReportError> {
    if !catalog.requires_consent() {
        return Ok(None);
    }
    let batch = ScalarValue::Utf8(batch.map(|batch| batch.as_str().to_owned()));
    let counts = catalog
        .query("reports/consent_counts", |parameters| {
            parameters.with("batch_id", batch)
        })
        .await?;
    let rows = counts
        .collect()
        .await
        .map_err(EngineError::running("counting what consent changes"))?;
    Ok(Some(ConsentCounts {
        hidden_details: number(&rows, "hidden_details")?,
        left_out: number(&rows, "left_out")?,
    }))
}
