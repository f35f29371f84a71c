//! Accounts for rows of enrolments and progress while they are read, so that a memory limit holds before all are there.

use std::sync::Arc;

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};

use super::error::DetailsError;
use crate::engine::EngineError;

/// The name of the rows in error messages.
const ROWS: &str = "the rows of enrolment_details";

/// The memory of rows that are being read by several threads; released with the last clone.
#[derive(Debug, Clone, Default)]
pub struct RowMemory(Option<Arc<MemoryReservation>>);

impl RowMemory {
    /// Rows that count towards the limit of `pool`. By default, rows count nowhere: a run over all reports decides by
    /// itself how many fit.
    pub fn within(pool: &Arc<dyn MemoryPool>) -> Self {
        Self(Some(Arc::new(MemoryConsumer::new(ROWS).register(pool))))
    }

    /// Accounts for `bytes` more bytes.
    ///
    /// # Errors
    /// Where they are more than the limit leaves.
    pub fn grow(&self, bytes: usize) -> Result<(), DetailsError> {
        let grown = self.0.as_ref().map_or(Ok(()), |memory| memory.try_grow(bytes));
        Ok(grown.map_err(EngineError::running(ROWS))?)
    }
}
