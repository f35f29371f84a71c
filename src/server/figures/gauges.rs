//! The ratio as Prometheus gauges: numerators and denominators, so that ratios are computed from sums there too.
//!
//! There are gauges overall and for each tenant; for courses only as many as configured, because each makes several
//! time series. There are none for single batches or people.

use std::collections::BTreeSet;

use datafusion::arrow::error::ArrowError;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::config::Config;
use crate::ratio::figures::{Ids, RatioFigures};
use crate::ratio::{Level, Window};

const PREFIX: &str = "pragati";

/// Columns of the ratio's rows that become gauges: column, last part of the gauge's name, help text.
const FIGURES: [(&str, &str, &str); 5] = [
    (
        "downloads",
        "downloads",
        "Clicks on Download File that the download ratio counts, in the window that ends with the day of the data",
    ),
    (
        "batches_downloaded",
        "downloaded_batches",
        "Batches with at least one download in the window",
    ),
    (
        "requests",
        "requests",
        "Downloads in the window, where repeated clicks of a person on a batch count once",
    ),
    ("delivered", "delivered", "Reports handed over in the window"),
    (
        "sent_by_subscription",
        "sent_by_subscription",
        "Reports that subscriptions sent in the window, which are in no other figure",
    ),
];

/// The labels of a gauge.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Labels {
    /// The label's name and an id, which is empty where it is unknown; `None` for the overall gauges.
    of: Option<(&'static str, String)>,
    window: Option<&'static str>,
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> Result<(), std::fmt::Error> {
        use prometheus_client::encoding::EncodeLabel;
        if let Some((name, id)) = &self.of {
            (*name, id.as_str()).encode(encoder.encode_label())?;
        }
        if let Some(window) = self.window {
            ("window", window).encode(encoder.encode_label())?;
        }
        Ok(())
    }
}

/// The gauges of one level.
struct Group {
    level: Level,
    /// The prefix of the gauges' names.
    name: &'static str,
    whose: &'static str,
    /// The label, and the column of its ids.
    id: Option<&'static str>,
}

const OVERALL: Group = Group {
    level: Level::All,
    name: "download_ratio",
    whose: "over all courses",
    id: None,
};
const TENANTS: Group = Group {
    level: Level::Tenant,
    name: "tenant_download_ratio",
    whose: "by tenant",
    id: Some("tenant_id"),
};
const COURSES: Group = Group {
    level: Level::Course,
    name: "course_download_ratio",
    whose: "by course, of the courses with most batches",
    id: Some("course_id"),
};

/// The gauges in Prometheus' text format.
pub fn text(figures: &RatioFigures, config: &Config) -> Result<String, ArrowError> {
    let mut registry = Registry::with_prefix(PREFIX);
    register(&mut registry, figures, &OVERALL, None)?;
    register(&mut registry, figures, &TENANTS, None)?;
    if config.ratio.metrics_courses > 0 {
        let largest = largest_courses(figures, config.ratio.metrics_courses)?;
        register(&mut registry, figures, &COURSES, Some(&largest))?;
    }
    let as_of = Gauge::<i64>::default();
    as_of.set(config.timezone.start_of(figures.as_of()).timestamp());
    registry.register_with_unit(
        "download_ratio_as_of_timestamp",
        "When the last day began whose downloads are counted",
        Unit::Seconds,
        as_of,
    );
    let mut text = String::new();
    // Writing to memory cannot fail.
    let _ = encode(&mut text, &registry);
    Ok(text)
}

fn register(
    registry: &mut Registry,
    figures: &RatioFigures,
    group: &Group,
    only: Option<&BTreeSet<String>>,
) -> Result<(), ArrowError> {
    let batches = Family::<Labels, Gauge>::default();
    let gauges = FIGURES.map(|_| Family::<Labels, Gauge>::default());
    for window in Window::ALL {
        let mut rows = figures.window(&[group.level], window, &Ids::default())?;
        if let (Some(only), Some(column)) = (only, group.id) {
            rows = rows.keep(column, |id| id.is_some_and(|id| only.contains(id)))?;
        }
        let ids: Vec<_> = match group.id {
            None => vec![None; rows.len()],
            Some(name) => {
                let ids = rows.texts(name)?.iter();
                ids.map(|id| Some((name, id.unwrap_or_default().to_owned()))).collect()
            }
        };
        let labels = |id: &Option<(&'static str, String)>, window| Labels { of: id.clone(), window };
        // The batches are those of the snapshot in every window.
        if window == Window::All {
            for (id, value) in ids.iter().zip(rows.numbers("batches")?) {
                set(&batches, labels(id, None), value);
            }
        }
        for (family, (column, ..)) in gauges.iter().zip(&FIGURES) {
            for (id, value) in ids.iter().zip(rows.numbers(column)?) {
                set(family, labels(id, Some(window.name())), value);
            }
        }
    }
    let Group { name, whose, .. } = group;
    registry.register(
        format!("{name}_batches"),
        format!("Batches of the snapshot, the denominator of the download ratio, {whose}"),
        batches,
    );
    for (family, (_, suffix, help)) in gauges.into_iter().zip(&FIGURES) {
        registry.register(format!("{name}_{suffix}"), format!("{help}, {whose}"), family);
    }
    Ok(())
}

/// An unknown figure has no time series.
fn set(family: &Family<Labels, Gauge>, labels: Labels, value: Option<i64>) {
    if let Some(value) = value {
        family.get_or_create(&labels).set(value);
    }
}

/// The `most` courses with the largest number of batches; among equals, the first by id.
fn largest_courses(figures: &RatioFigures, most: usize) -> Result<BTreeSet<String>, ArrowError> {
    let rows = figures.window(&[Level::Course], Window::All, &Ids::default())?;
    let rows = rows.keep("course_id", |id| id.is_some())?;
    let rows = rows.sorted("course_id", false)?.sorted("batches", true)?.page(0, most);
    Ok(rows.texts("course_id")?.iter().flatten().map(str::to_owned).collect())
}
