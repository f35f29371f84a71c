//! Row and column security, enforced where tables are read: rows of other tenants and personal values never enter the
//! plans of users who may not see them.
//!
//! The views are registered again over the filtered tables, so each of them, also a site's own, is filtered too.
//! Enrolments, progress, clicks and deliveries belong to their batch's tenant. Users of other tenants who learn in a
//! visible batch keep their rows in its report, with the details blank.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{JoinType, TableReference};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, col, in_list, lit, when};
use datafusion::scalar::ScalarValue;

use super::barrier::behind_barrier;
use super::consents::DISTINCT_CONSENTS;
use super::views::{self, DISTINCT_DELIVERIES};
use super::{Catalog, CatalogError, history_name, mapping};
use crate::engine::{EngineError, TABLE_SCHEMA, empty_beside, share_tables};
use crate::exports::Table;
use crate::ids::TenantId;

/// Replaces a personal value that the user may not see.
pub const MASK: &str = "***";
/// The view with one row for each batch, with its tenant.
const BATCHES: &str = "distinct_batches";

/// The rows and columns that a user may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Visibility {
    /// The tenants whose rows are visible; `None` means all.
    pub tenants: Option<BTreeSet<TenantId>>,
    /// Whether names, addresses, phone numbers and external ids are visible.
    pub personal: bool,
}

impl Visibility {
    /// All rows and columns.
    pub const FULL: Self = Self {
        tenants: None,
        personal: true,
    };
}

impl Catalog {
    /// The same snapshot and history, restricted to `visibility`. Its own session has the tables and views, but not the raw
    /// tables.
    ///
    /// # Errors
    /// A table or view cannot be registered.
    pub async fn seen_with(&self, visibility: &Visibility) -> Result<Self, CatalogError> {
        let mut seen = Self {
            session: empty_beside(&self.session)?,
            ..self.clone()
        };
        let Visibility { tenants, personal } = visibility;
        if tenants.is_none() && *personal {
            share_tables(&self.session, &seen.session, TABLE_SCHEMA).await?;
            return Ok(seen);
        }
        // The mart has the rows as users without restrictions see them.
        seen.mart = None;
        for table in Table::ALL {
            let name = table.name();
            if table.may_be_absent() && !self.session.table_exist(name).unwrap_or(false) {
                continue;
            }
            seen.add(name, rows_of(self, name, table, visibility).await?)?;
            if !table.arrives_daily() && self.session.table_exist(history_name(table)).unwrap_or(false) {
                let history = history_name(table);
                seen.add(&history, rows_of(self, &history, table, visibility).await?)?;
            }
        }
        // These views read tables that the new session does not have, so their visible rows are registered as tables.
        let consents = self.requires_consent().then_some(DISTINCT_CONSENTS);
        for view in std::iter::once(DISTINCT_DELIVERIES).chain(consents) {
            let rows = match tenants {
                None => table_of(self, view).await?,
                Some(_) => behind_barrier(of_visible_batches(self, view, visibility).await?),
            };
            seen.add(view, rows)?;
        }
        match views_users(self, visibility).await? {
            None => views::register(&seen).await?,
            Some(users) => seen.register_views_over(users).await?,
        }
        seen.read_visible_reports_of(self, tenants.as_ref().map(is_of)).await?;
        Ok(seen)
    }

    /// Registers the views over `users`, which replaces the visible rows of the table `users` for them.
    async fn register_views_over(&self, users: Arc<dyn TableProvider>) -> Result<(), CatalogError> {
        let shown = self.swap(Table::Users.name(), users)?;
        views::register(self).await?;
        if let Some(shown) = shown {
            self.swap(Table::Users.name(), shown)?;
        }
        Ok(())
    }

    fn swap(&self, name: &str, table: Arc<dyn TableProvider>) -> Result<Option<Arc<dyn TableProvider>>, CatalogError> {
        let former = self
            .session
            .deregister_table(TableReference::partial(TABLE_SCHEMA, name))
            .map_err(CatalogError::registering(name))?;
        self.add(name, table)?;
        Ok(former)
    }

    fn add(&self, name: &str, table: Arc<dyn TableProvider>) -> Result<(), CatalogError> {
        mapping::register_table(&self.session, name, table)
    }
}

async fn table_of(catalog: &Catalog, name: &str) -> Result<Arc<dyn TableProvider>, CatalogError> {
    let provider = catalog.session.table_provider(name).await;
    Ok(provider.map_err(reading(name))?)
}

async fn frame_of(catalog: &Catalog, name: &str) -> Result<DataFrame, CatalogError> {
    let frame = catalog.session.table(name).await;
    Ok(frame.map_err(reading(name))?)
}

fn reading(name: &str) -> impl FnOnce(DataFusionError) -> EngineError {
    EngineError::running(format!("rows of {name}"))
}

/// The visible rows of the canonical table, or history table, called `name`.
async fn rows_of(
    catalog: &Catalog,
    name: &str,
    table: Table,
    visibility: &Visibility,
) -> Result<Arc<dyn TableProvider>, CatalogError> {
    let Some(tenants) = &visibility.tenants else {
        return match table {
            Table::Users => Ok(masked(frame_of(catalog, name).await?, visibility)
                .map_err(reading(name))?
                .into_view()),
            _ => table_of(catalog, name).await,
        };
    };
    let rows = match table {
        Table::Users => frame_of(catalog, name)
            .await?
            .filter(is_of(tenants))
            .and_then(|users| masked(users, visibility))
            .map_err(reading(name))?,
        Table::Batches => of_visible_batches(catalog, name, visibility)
            .await?
            .filter(is_of(tenants))
            .map_err(reading(name))?,
        Table::Enrolments | Table::CourseProgress | Table::DownloadEvents => {
            of_visible_batches(catalog, name, visibility).await?
        }
        Table::Tenants => frame_of(catalog, name)
            .await?
            .filter(is_of(tenants))
            .map_err(reading(name))?,
        Table::Courses => of_visible_courses(catalog, name, tenants).await?,
    };
    Ok(behind_barrier(rows))
}

/// The rows of `users` that views read, where they differ from the visible ones: users of other tenants who learn in
/// visible batches are added, with their id alone.
async fn views_users(
    catalog: &Catalog,
    visibility: &Visibility,
) -> Result<Option<Arc<dyn TableProvider>>, CatalogError> {
    let Some(tenants) = &visibility.tenants else {
        return Ok(None);
    };
    let failed = || reading(Table::Users.name());
    let learners = of_visible_batches(catalog, Table::Enrolments.name(), visibility).await?;
    let users = frame_of(catalog, Table::Users.name()).await?;
    let own = users
        .clone()
        .filter(is_of(tenants))
        .and_then(|users| masked(users, visibility));
    let id_alone = Table::Users.columns().iter().map(|column| {
        let kind = column.kind.data_type();
        match column.name {
            "user_id" => col(column.name),
            name => lit(ScalarValue::try_from(&kind).unwrap_or(ScalarValue::Null)).alias(name),
        }
    });
    let others = users
        .filter(is_of(tenants).is_not_true())
        .and_then(|users| users.join(learners, JoinType::LeftSemi, &["user_id"], &["user_id"], None))
        .and_then(|users| users.select(id_alone.collect::<Vec<_>>()));
    let rows = own.and_then(|own| own.union(others?)).map_err(failed())?;
    Ok(Some(behind_barrier(rows)))
}

/// The rows of a table whose batch belongs to a visible tenant.
async fn of_visible_batches(catalog: &Catalog, name: &str, visibility: &Visibility) -> Result<DataFrame, CatalogError> {
    let rows = frame_of(catalog, name).await?;
    let Some(tenants) = &visibility.tenants else {
        return Ok(rows);
    };
    let batches = frame_of(catalog, BATCHES).await?;
    let visible = batches
        .filter(is_of(tenants))
        .and_then(|batches| batches.select(vec![col("batch_id").alias("visible_batch_id")]))
        .and_then(|visible| rows.join(visible, JoinType::LeftSemi, &["batch_id"], &["visible_batch_id"], None));
    Ok(visible.map_err(reading(name))?)
}

/// The rows of a table whose course has a batch of a visible tenant.
async fn of_visible_courses(
    catalog: &Catalog,
    name: &str,
    tenants: &BTreeSet<TenantId>,
) -> Result<DataFrame, CatalogError> {
    let rows = frame_of(catalog, name).await?;
    let batches = frame_of(catalog, BATCHES).await?;
    let visible = batches
        .filter(is_of(tenants))
        .and_then(|batches| batches.select(vec![col("course_id").alias("visible_course_id")]))
        .and_then(|visible| {
            rows.join(
                visible,
                JoinType::LeftSemi,
                &["course_id"],
                &["visible_course_id"],
                None,
            )
        });
    Ok(visible.map_err(reading(name))?)
}

fn is_of(tenants: &BTreeSet<TenantId>) -> Expr {
    let tenants = tenants.iter().map(|tenant| lit(tenant.as_str()));
    in_list(col("tenant_id"), tenants.collect(), false)
}

/// Users whose personal values are replaced by a mask; NULL stays NULL.
fn masked(users: DataFrame, visibility: &Visibility) -> Result<DataFrame, DataFusionError> {
    if visibility.personal {
        return Ok(users);
    }
    let schema = users.schema().clone();
    let columns = schema.fields().iter().map(|field| {
        let name = field.name().as_str();
        if !Table::Users.is_personal(name) {
            return Ok(col(name));
        }
        let mask = ScalarValue::from(MASK).cast_to(field.data_type())?;
        Ok(when(col(name).is_not_null(), lit(mask)).end()?.alias(name))
    });
    users.select(columns.collect::<Result<Vec<_>, DataFusionError>>()?)
}
