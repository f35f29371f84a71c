//! `/api/v1/download-ratio` and `/api/v1/download-ratio/batches`: the download ratio now and over time, and the downloads
//! of each batch, for admins.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::NaiveDate;
use datafusion::arrow::error::ArrowError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;

use super::AppState;
use super::extract::{Caller, Parameters};
use super::figure_views::{BatchDownloadsPage, RatioPage};
use super::openapi::FigureProblems;
use super::problem::{Problem, ProblemKind};
use super::rows::{RowAnswer, RowFormat, answer, etag, has_already, not_modified};
use crate::delivery::person::Person;
use crate::ids::SnapshotDate;
use crate::ratio::figures::{Ids, RowTable, by_period};
use crate::ratio::{Days, Level, Period, Window};
use crate::server::figures::Figures;

/// Which rows of the ratio.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RatioParameters {
    /// What the ratio is over. Without it: every level that you may see; over time `all` and `tenant`.
    #[param(inline)]
    level: Option<Level>,
    /// Only rows of this tenant; empty for rows without a tenant.
    #[param(max_length = 200, example = "tn")]
    tenant_id: Option<String>,
    /// Only rows of this course; empty for rows without a course.
    #[param(max_length = 200, example = "do_31309287232935526411138")]
    course_id: Option<String>,
    /// The days whose downloads count, up to the day of the data. Not together with `by`.
    #[param(inline)]
    window: Option<Window>,
    /// Rows over time: one for each period. A single course must be named for the levels of courses.
    #[param(inline)]
    by: Option<Period>,
    /// The first day of rows over time.
    #[param(value_type = Option<String>, format = "date", example = "2026-11-01")]
    since: Option<SnapshotDate>,
    /// The last day of rows over time.
    #[param(value_type = Option<String>, format = "date", example = "2026-11-22")]
    until: Option<SnapshotDate>,
    /// Only rows with this text in an id or a name, whatever the case.
    #[param(max_length = 200)]
    search: Option<String>,
    /// The column to order by, downwards with `-` before it. Without it, by level, ids and window.
    #[param(max_length = 30, pattern = "^-?[a-z_]+$", example = "-downloads")]
    sort: Option<String>,
    /// Rows at most.
    #[param(minimum = 1)]
    limit: Option<u32>,
    /// Rows to pass over.
    #[param(minimum = 0)]
    offset: Option<u32>,
    /// How rows are written; it wins over `Accept`.
    #[param(inline)]
    format: Option<RowFormat>,
}

/// Show the download ratio
///
/// Times downloaded / batches, up to the day of the data (`as_of`), with its numerator and denominator. Admins of the
/// platform see all; admins of tenants see the levels `tenant` and `tenant_course` of their own tenants. What the
/// columns mean is said in `queries/metrics/download_ratio.sql`.
#[utoipa::path(
    get,
    path = "/api/v1/download-ratio",
    operation_id = "showDownloadRatio",
    tag = "figures",
    params(
        RatioParameters,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer that you have", example = json!("\"9f86d08188\"")),
    ),
    responses(
        (
            status = 200, description = "The rows", headers(
                ("ETag" = String, description = "Names the content of the answer"),
                ("Content-Disposition" = String, description = "The name of the file, of other formats than JSON"),
            ),
            content(
                (RatioPage = "application/json"),
                (String = "text/csv"),
                (Vec<u8> = "application/vnd.apache.arrow.stream"),
                (Vec<u8> = "application/vnd.apache.parquet"),
            )
        ),
        (status = 304, description = "You have this content already"),
        FigureProblems,
    ),
    security(("bearer" = [])),
)]
pub async fn ratio(
    State(state): State<AppState>,
    Caller(person): Caller,
    headers: HeaderMap,
    Parameters(asked): Parameters<RatioParameters>,
) -> Result<Response, Problem> {
    check(&asked)?;
    let visible = VisibleFigures::of(&person)?;
    let levels = visible.levels(asked.level, asked.by.is_some())?;
    let ids = visible.ids(asked.tenant_id.as_deref(), asked.course_id.as_deref())?;
    let format = RowFormat::chosen(asked.format, &headers)?;
    let figures = held(&state)?;
    let tag = etag(
        &[
            figures.ratio.digest(),
            &figures.names_digest,
            &format!("{asked:?} {levels:?} {ids:?}"),
        ],
        format,
    );
    if has_already(&headers, &tag) {
        return Ok(not_modified(&tag));
    }
    let (rows, name) = match asked.by {
        None => {
            let window = asked.window.unwrap_or(Window::All);
            let rows = figures.ratio.window(&levels, window, &ids).map_err(broken)?;
            (rows, format!("download-ratio_{}", figures.ratio.as_of()))
        }
        Some(by) => {
            let days = days_of(&asked, &figures)?;
            let by_day = by_day(&figures, &levels, &ids).await?;
            let rows = by_period(&by_day, by, &days).map_err(broken)?;
            (
                rows,
                format!("download-ratio_by-{}_{}", by.name(), figures.ratio.as_of()),
            )
        }
    };
    let rows = RowTable::new(figures.names.beside(rows.rows()).map_err(broken)?);
    let columns = searched(&rows, &["course_id", "tenant_id"]);
    let view = View {
        search: asked.search.as_deref().map(|text| (columns.as_slice(), text)),
        sort: asked.sort.as_deref(),
        limit: asked.limit,
        offset: asked.offset,
    };
    let (rows, total) = view.of(rows)?;
    let head = head(&figures, total);
    respond(&state, RowAnswer { head, rows, name }, format, &tag).await
}

/// Whether a batch was ever downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Downloaded {
    Never,
    Ever,
}

/// Which batches.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct BatchParameters {
    /// Only batches that were never downloaded, or ever.
    #[param(inline)]
    downloaded: Option<Downloaded>,
    /// Only batches of this tenant; empty for those without a tenant.
    #[param(max_length = 200, example = "tn")]
    tenant_id: Option<String>,
    /// Only batches of this course; empty for those without a course.
    #[param(max_length = 200)]
    course_id: Option<String>,
    /// Only batches with this text in their name or an id, whatever the case.
    #[param(max_length = 200)]
    search: Option<String>,
    /// The column to order by, downwards with `-` before it. Without it, the newest start comes first.
    #[param(max_length = 30, pattern = "^-?[a-z_]+$", example = "-start_date")]
    sort: Option<String>,
    /// Batches at most.
    #[param(minimum = 1)]
    limit: Option<u32>,
    /// Batches to pass over.
    #[param(minimum = 0)]
    offset: Option<u32>,
    /// How rows are written; it wins over `Accept`.
    #[param(inline)]
    format: Option<RowFormat>,
}

/// Show how often batches were downloaded
///
/// All batches of the snapshot, or those that were never downloaded, to follow up. Admins of the platform see all,
/// admins of tenants those of their own tenants.
#[utoipa::path(
    get,
    path = "/api/v1/download-ratio/batches",
    operation_id = "listBatchDownloads",
    tag = "figures",
    params(
        BatchParameters,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer that you have", example = json!("\"9f86d08188\"")),
    ),
    responses(
        (
            status = 200, description = "The batches", headers(
                ("ETag" = String, description = "Names the content of the answer"),
                ("Content-Disposition" = String, description = "The name of the file, of other formats than JSON"),
            ),
            content(
                (BatchDownloadsPage = "application/json"),
                (String = "text/csv"),
                (Vec<u8> = "application/vnd.apache.arrow.stream"),
                (Vec<u8> = "application/vnd.apache.parquet"),
            )
        ),
        (status = 304, description = "You have this content already"),
        FigureProblems,
    ),
    security(("bearer" = [])),
)]
pub async fn batches(
    State(state): State<AppState>,
    Caller(person): Caller,
    headers: HeaderMap,
    Parameters(asked): Parameters<BatchParameters>,
) -> Result<Response, Problem> {
    let visible = VisibleFigures::of(&person)?;
    let ids = visible.ids(asked.tenant_id.as_deref(), asked.course_id.as_deref())?;
    let format = RowFormat::chosen(asked.format, &headers)?;
    let figures = held(&state)?;
    let tag = etag(&[&figures.batches_digest, &format!("{asked:?} {ids:?}")], format);
    if has_already(&headers, &tag) {
        return Ok(not_modified(&tag));
    }
    let rows = ids.of(&figures.batches).map_err(broken)?;
    let rows = match asked.downloaded {
        None => rows,
        Some(downloaded) => {
            let downloads = rows.numbers("downloads").map_err(broken)?;
            let is_meant = |downloads: Option<i64>| (downloads > Some(0)) == (downloaded == Downloaded::Ever);
            let kept: Vec<bool> = downloads.into_iter().map(is_meant).collect();
            rows.filtered(&kept.into()).map_err(broken)?
        }
    };
    let columns = searched(&rows, &["batch_id", "batch_name", "course_id", "tenant_id"]);
    let view = View {
        search: asked.search.as_deref().map(|text| (columns.as_slice(), text)),
        sort: asked.sort.as_deref(),
        limit: asked.limit,
        offset: asked.offset,
    };
    let (rows, total) = view.of(rows)?;
    let head = head(&figures, total);
    let name = format!("batch-downloads_{}", figures.batches_as_of);
    respond(&state, RowAnswer { head, rows, name }, format, &tag).await
}

/// The columns that a text is searched in: `columns`, and those of names, where the rows have them.
fn searched(rows: &RowTable, columns: &[&'static str]) -> Vec<&'static str> {
    let schema = rows.rows().schema();
    let names = ["course_name", "tenant_name"];
    let present = names.into_iter().filter(|name| schema.index_of(name).is_ok());
    columns.iter().copied().chain(present).collect()
}

/// What a person may see of the figures.
struct VisibleFigures {
    /// The tenants that the person may see; `None` means all.
    tenants: Option<BTreeSet<String>>,
}

impl VisibleFigures {
    fn of(person: &Person) -> Result<Self, Problem> {
        let roles = &person.roles;
        if roles.platform_admin {
            return Ok(Self { tenants: None });
        }
        if roles.tenant_admin_of.is_empty() {
            return Err(Problem::new(
                ProblemKind::NotForYou,
                "Figures are for admins of the platform and of tenants.",
            ));
        }
        let tenants = roles.tenant_admin_of.iter().map(ToString::to_string);
        Ok(Self {
            tenants: Some(tenants.collect()),
        })
    }

    fn levels(&self, asked: Option<Level>, over_time: bool) -> Result<Vec<Level>, Problem> {
        let own = [Level::Tenant, Level::TenantCourse];
        match (asked, &self.tenants) {
            (Some(level), Some(_)) if !own.contains(&level) => Err(Problem::new(
                ProblemKind::NotForYou,
                "You may see the levels tenant and tenant_course.",
            )),
            (Some(level), _) => Ok(vec![level]),
            (None, None) if over_time => Ok(vec![Level::All, Level::Tenant]),
            (None, Some(_)) if over_time => Ok(vec![Level::Tenant]),
            (None, None) => Ok(Level::ALL.to_vec()),
            (None, Some(_)) => Ok(own.to_vec()),
        }
    }

    fn ids(&self, tenant: Option<&str>, course: Option<&str>) -> Result<Ids, Problem> {
        if let (Some(tenant), Some(own)) = (tenant, &self.tenants)
            && !own.contains(tenant)
        {
            return Err(Problem::new(
                ProblemKind::NotForYou,
                "You may see the figures of your own tenants.",
            ));
        }
        Ok(Ids {
            course: course.map(str::to_owned),
            tenant: tenant.map(str::to_owned),
            within_tenants: self.tenants.clone(),
        })
    }
}

/// A selection of a table's rows and their order.
struct View<'a> {
    /// Columns, and a text that one of them must contain.
    search: Option<(&'a [&'a str], &'a str)>,
    sort: Option<&'a str>,
    limit: Option<u32>,
    offset: Option<u32>,
}

impl View<'_> {
    /// The selected rows of this page, and the number of rows on all pages.
    fn of(&self, mut rows: RowTable) -> Result<(RowTable, usize), Problem> {
        if self.limit == Some(0) {
            return Err(Problem::new(ProblemKind::BadRequest, "`limit` must be at least 1."));
        }
        if let Some((columns, text)) = self.search
            && !text.is_empty()
        {
            rows = rows.containing(columns, text).map_err(broken)?;
        }
        if let Some(sort) = self.sort {
            let (column, descending) = sort.strip_prefix('-').map_or((sort, false), |column| (column, true));
            if rows.rows().schema().index_of(column).is_err() {
                return Err(Problem::new(
                    ProblemKind::BadRequest,
                    "`sort` must be the name of a column, with a `-` before it for the other direction.",
                ));
            }
            rows = rows.sorted(column, descending).map_err(broken)?;
        }
        let total = rows.len();
        let size = |number: Option<u32>| number.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        let page = rows.page(size(self.offset).unwrap_or(0), size(self.limit).unwrap_or(usize::MAX));
        Ok((page, total))
    }
}

/// Rejects parameters that exclude each other.
fn check(asked: &RatioParameters) -> Result<(), Problem> {
    let bad = |detail: &str| Err(Problem::new(ProblemKind::BadRequest, detail));
    if asked.by.is_none() && (asked.since.is_some() || asked.until.is_some()) {
        return bad("`since` and `until` belong to rows over time: give `by` too.");
    }
    if asked.by.is_some() && asked.window.is_some() {
        return bad("`window` and `by` do not go together: rows over time have periods instead.");
    }
    let of_courses = matches!(asked.level, Some(Level::Course | Level::TenantCourse));
    if asked.by.is_some() && of_courses && asked.course_id.is_none() {
        return bad("Rows over time of the levels course and tenant_course need a `course_id`.");
    }
    if asked.since.zip(asked.until).is_some_and(|(since, until)| since > until) {
        return bad("`since` lies after `until`.");
    }
    Ok(())
}

/// The days of rows over time.
fn days_of(asked: &RatioParameters, figures: &Figures) -> Result<Days, Problem> {
    let day = |date: Option<SnapshotDate>| date.map(SnapshotDate::day);
    let as_of = figures.ratio.as_of();
    Days::new(day(asked.since), day(asked.until), as_of.into()).map_err(|_| {
        Problem::new(
            ProblemKind::BadRequest,
            format!("`since` lies after the day of the data, {as_of}."),
        )
    })
}

/// The present figures, or the problem that they are not loaded yet.
fn held(state: &AppState) -> Result<Arc<Figures>, Problem> {
    state.parts.figures.held().ok_or_else(|| {
        Problem::new(
            ProblemKind::Unavailable,
            "The figures are being computed. Try again in a little while.",
        )
        .retry_after(std::time::Duration::from_secs(5))
    })
}

async fn by_day(figures: &Figures, levels: &[Level], ids: &Ids) -> Result<RowTable, Problem> {
    if let Some(held) = figures.ratio.by_day(levels, ids).map_err(broken)? {
        return Ok(held);
    }
    let read = figures.days_of_course(levels, ids).await;
    let read = read.map_err(|error| Problem::unavailable("the ratio by day cannot be read", &error))?;
    read.ok_or_else(|| {
        Problem::new(
            ProblemKind::NoDays,
            "There are too many figures by day of single courses to hold: they come from the output of pragati nightly.",
        )
    })
}

fn head(figures: &Figures, total: usize) -> Map<String, Value> {
    let day = |day: NaiveDate| Value::from(day.to_string());
    let mut head = Map::new();
    head.insert("as_of".to_owned(), day(figures.ratio.as_of()));
    head.insert("snapshot_date".to_owned(), day(figures.ratio.as_of()));
    head.insert("total".to_owned(), json!(total));
    head
}

async fn respond(state: &AppState, rows: RowAnswer, format: RowFormat, tag: &str) -> Result<Response, Problem> {
    let figures = &state.parts.figures;
    // Limits concurrent answers, so that many large ones do not fill the memory.
    let _permit = figures.writing().acquire().await.map_err(|_| Problem::internal())?;
    answer(rows, format, &figures.config().report, tag).await
}

/// The problem for figures that cannot be processed.
fn broken(error: ArrowError) -> Problem {
    tracing::error!("the figures cannot be read: {error}");
    Problem::internal()
}
