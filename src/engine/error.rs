//! Errors of running SQL; each names the query that failed.

use datafusion::error::DataFusionError;

/// A query that failed.
#[derive(Debug, Clone, thiserror::Error)]
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
                _ => {
                    let (what, reason) = named_once(what, reason);
                    Self::Query { what, reason }
                }
            }
        }
    }

    /// The same as [`running`](Self::running) for a query whose plan reports errors of this kind: one that names already
    /// what failed stays as it is.
    pub fn running_or_named(what: impl Into<String>) -> impl FnOnce(DataFusionError) -> Self {
        let running = Self::running(what);
        move |error| {
            let named = match error.find_root() {
                DataFusionError::External(own) => own.downcast_ref::<Self>().cloned(),
                _ => None,
            };
            named.unwrap_or_else(|| running(error))
        }
    }
}

impl From<EngineError> for DataFusionError {
    fn from(error: EngineError) -> Self {
        Self::External(Box::new(error))
    }
}

/// What failed, and why. An error of the exports begins with its table, so where the query has no other name than this
/// table, the table is named once.
fn named_once(what: String, reason: String) -> (String, String) {
    let table = what.strip_prefix("table ").or_else(|| what.strip_prefix("rows of "));
    let rest = table.and_then(|table| reason.strip_prefix("table ")?.strip_prefix(table)?.strip_prefix(": "));
    match (table, rest) {
        (Some(table), Some(rest)) => (format!("table {table}"), rest.to_owned()),
        _ => (what, reason),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_once() {
        let failed = |what: &str, reason: &str| {
            let own: Box<dyn std::error::Error + Send + Sync> = reason.into();
            EngineError::running(what)(DataFusionError::External(own)).to_string()
        };
        let column = "table enrolments: column active in its mapping: 'yes' is neither";
        for what in ["table enrolments", "rows of enrolments"] {
            assert_eq!(failed(what, column), column);
        }
        // Another table, and a query that is no table, say more than the reason does.
        for what in ["table enrol", "rows of users", "query reports/mine"] {
            assert_eq!(failed(what, column), format!("{what}: {column}"));
        }
    }

    #[test]
    fn an_error_that_names_what_failed_is_not_named_again() {
        let failed = || DataFusionError::Plan("no".to_owned());
        let of_table = EngineError::running("table users")(failed());
        let message = of_table.to_string();
        let of_rows = DataFusionError::from(of_table).context("somewhere");
        let named = EngineError::running_or_named("the report")(of_rows);
        assert_eq!(named.to_string(), message);
        let unnamed = EngineError::running_or_named("the report")(failed());
        assert!(unnamed.to_string().starts_with("the report: "), "{unnamed}");
        let memory = EngineError::running("the rows")(DataFusionError::ResourcesExhausted("full".to_owned()));
        let memory = EngineError::running_or_named("the report")(memory.into());
        assert!(matches!(memory, EngineError::Memory { what, .. } if what == "the rows"));
    }
}
