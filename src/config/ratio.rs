//! Settings of the download ratio.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[ratio]`: how the ratio is published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RatioConfig {
    /// Days up to the snapshot's that each nightly run computes anew, so that late events are counted. Events of all of them
    /// must be there.
    pub revise_days: NonZeroU32,
    /// Courses that `/metrics` has figures of, those with most batches; each adds series to Prometheus.
    pub metrics_courses: usize,
}

impl Default for RatioConfig {
    fn default() -> Self {
        const DAYS: NonZeroU32 = NonZeroU32::new(45).unwrap();
        Self {
            revise_days: DAYS,
            metrics_courses: 0,
        }
    }
}
