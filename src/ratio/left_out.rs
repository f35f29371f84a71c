//! Clicks and deliveries that tables over time leave out, because their timestamps are too early to be right.

use std::fmt;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Date32Type, Int64Type};
use datafusion::catalog::TableProvider;
use datafusion::prelude::{cast, col};

use crate::catalog::{Catalog, CatalogError, EARLIEST_DAY};
use crate::engine::EngineError;

const LEFT_OUT: &str = "metrics/downloads_left_out";

/// Clicks and deliveries before [`EARLIEST_DAY`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Their number; each click is counted once.
    pub happenings: u64,
    /// Their earliest day.
    pub first_day: NaiveDate,
}

impl LeftOut {
    /// Finds what is left out, if anything. `tables` replace those of the catalog by name.
    ///
    /// # Errors
    /// The query cannot be planned or fails.
    pub async fn find(
        catalog: &Catalog,
        tables: &[(&str, Arc<dyn TableProvider>)],
    ) -> Result<Option<Self>, CatalogError> {
        let failed = || EngineError::running(LEFT_OUT);
        let rows = catalog
            .query_with_tables(LEFT_OUT, tables, |parameters| parameters)
            .await?
            .select(vec![
                cast(col("happenings"), DataType::Int64),
                cast(col("first_day"), DataType::Date32),
            ])
            .map_err(failed())?;
        let rows = rows.collect().await.map_err(failed())?;
        let found = rows.iter().find_map(|rows| {
            let happenings = rows.column(0).as_primitive::<Int64Type>().iter().flatten().next()?;
            let first_day = rows.column(1).as_primitive::<Date32Type>().iter().flatten().next()?;
            Some(Self {
                happenings: u64::try_from(happenings).ok()?,
                first_day: NaiveDate::from_epoch_days(first_day)?,
            })
        });
        Ok(found)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { happenings, first_day } = self;
        let earliest = EARLIEST_DAY.map(|day| format!(" before {day}")).unwrap_or_default();
        write!(
            f,
            "rows over time leave out clicks and deliveries{earliest}: {happenings}, the first of {first_day}; \
             `pragati check` names such clicks"
        )
    }
}
