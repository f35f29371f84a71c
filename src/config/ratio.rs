//! Settings of the download ratio.

use serde::{Deserialize, Serialize};

/// `[ratio]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RatioConfig {
    /// Courses that `/metrics` has figures of, those with most batches; each adds series to Prometheus.
    pub metrics_courses: usize,
}
