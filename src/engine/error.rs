//! Errors of running SQL; each names the query that failed.

use datafusion::error::DataFusionError;

/// A query that failed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum EngineError {
    #[error("the engine cannot start: {reason}; check memory_limit, threads and temp_dir")]
    Start { reason: String },
    #[error("{what}: {reason}")]
    Query { what: String, reason: String },
    #[error("{what}: the memory limit does not suffice: {reason}; raise --memory-limit or lower --threads")]
    Memory { what: String, reason: String },
    #[error("{what}: no space left for temporary files; free space or name a larger disk with --temp-dir")]
    TemporarySpace { what: String },
    #[error("a worker with the {0} stopped without an error message; please report this with the log of -vv")]
    Lost(&'static str),
}

impl EngineError {
    /// Makes an [`EngineError`] of the right kind that names the query by `what`.
    pub fn running(what: impl Into<String>) -> impl FnOnce(DataFusionError) -> Self {
        let what = what.into();
        move |error| {
            let is_disk_full = is_disk_full(&error);
            let reason = match error.find_root() {
                // An error of this crate, which is already one complete sentence.
                DataFusionError::External(own) => own.to_string(),
                _ => error.strip_backtrace(),
            };
            match error.find_root() {
                _ if is_disk_full => Self::TemporarySpace { what },
                DataFusionError::ResourcesExhausted(reason) => Self::Memory {
                    what,
                    reason: reason.clone(),
                },
                _ => Self::Query { what, reason },
            }
        }
    }
}

impl From<EngineError> for DataFusionError {
    fn from(error: EngineError) -> Self {
        Self::External(Box::new(error))
    }
}

/// Whether the spill limit is reached or the disk is full.
pub fn is_disk_full(error: &DataFusionError) -> bool {
    io_error(error).is_some_and(|io| io.kind() == std::io::ErrorKind::StorageFull)
}

fn io_error(error: &DataFusionError) -> Option<&std::io::Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            return Some(io);
        }
        cause = current.source();
    }
    None
}
