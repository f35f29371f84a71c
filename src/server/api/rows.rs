//! Answers with rows as JSON, CSV, Arrow or Parquet, chosen by `format` or `Accept`; 304 where the client already has
//! them.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::json;
use datafusion::common::runtime::SpawnedTask;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::disposition::attachment;
use super::problem::{Problem, ProblemKind};
use crate::config::ReportConfig;
use crate::formats::{Format, FormatError, write_batch};
use crate::ratio::figures::RowTable;
use crate::report::is_formula;
use crate::server::entity_tag::{digest_of, is_tag_of, known_tags};

/// Bytes of a digest in an entity tag.
const DIGEST_BYTES: usize = 16;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowFormat {
    Json,
    Csv,
    /// A stream of Arrow IPC.
    Arrow,
    Parquet,
}

impl RowFormat {
    /// In order of preference, where a client accepts several equally.
    const ALL: [Self; 4] = [Self::Json, Self::Csv, Self::Arrow, Self::Parquet];

    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            other => other.media_type(),
        }
    }

    const fn ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Arrow => "arrows",
            Self::Parquet => "parquet",
        }
    }

    /// The format that the parameter names, otherwise the best one by the `Accept` header.
    pub fn chosen(asked: Option<Self>, headers: &HeaderMap) -> Result<Self, Problem> {
        if let Some(asked) = asked {
            return Ok(asked);
        }
        let accepted: Vec<&str> = headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        if accepted.is_empty() {
            return Ok(Self::Json);
        }
        // Among equal qualities the first, because formats are in order of preference.
        let best = Self::ALL
            .into_iter()
            .map(|format| (format, weight(&accepted, format.media_type())))
            .reduce(|best, other| if other.1 > best.1 { other } else { best });
        match best {
            Some((format, weight)) if weight > 0.0 => Ok(format),
            _ => Err(Problem::new(
                ProblemKind::NotAcceptable,
                "Rows are to be had as application/json, text/csv, application/vnd.apache.arrow.stream or \
                 application/vnd.apache.parquet.",
            )),
        }
    }
}

/// The quality that a client gives a media type, from 0 (refused) to 1; the most specific range wins.
fn weight(accepted: &[&str], media_type: &str) -> f32 {
    let any_of_type = media_type.split_once('/').map(|(kind, _)| format!("{kind}/*"));
    accepted
        .iter()
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next()?.to_ascii_lowercase();
            let specificity = match name.as_str() {
                name if name == media_type => 2,
                name if Some(name) == any_of_type.as_deref() => 1,
                "*/*" => 0,
                _ => return None,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q="));
            let quality = quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
            Some((specificity, quality))
        })
        .max_by_key(|&(specificity, _)| specificity)
        .map_or(0.0, |(_, quality)| quality)
}

/// The rows of an answer, before they are written.
pub struct RowAnswer {
    /// The members beside the rows in JSON.
    pub head: Map<String, Value>,
    pub rows: RowTable,
    /// The name of a saved file, without its extension.
    pub name: String,
}

/// The entity tag of an answer: its sources and its format.
pub fn etag(made_of: &[&str], format: RowFormat) -> String {
    let written = [format.ending(), env!("CARGO_PKG_VERSION")];
    let parts = made_of.iter().chain(&written).map(|part| part.as_bytes());
    format!("\"{}\"", digest_of(parts, DIGEST_BYTES))
}

/// Whether the client already has the content with this entity tag.
pub fn has_already(headers: &HeaderMap, etag: &str) -> bool {
    known_tags(headers).any(|tag| tag == "*" || is_tag_of(tag, etag))
}

/// The answer 304.
pub fn not_modified(etag: &str) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    name_content(response.headers_mut(), etag);
    response
}

/// Writes the rows on a blocking thread, so that encoding does not delay other requests.
pub async fn answer(
    answer: RowAnswer,
    format: RowFormat,
    style: &ReportConfig,
    etag: &str,
) -> Result<Response, Problem> {
    let name = format!("{}.{}", answer.name, format.ending());
    let style = style.clone();
    let written = SpawnedTask::spawn_blocking(move || write(&answer, format, &style)).await;
    let bytes = match written {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => {
            tracing::error!("rows cannot be written: {error}");
            return Err(Problem::internal());
        }
        Err(_) => return Err(Problem::internal()),
    };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    if format != RowFormat::Json
        && let Some(disposition) = attachment(&name)
    {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    name_content(headers, etag);
    Ok(response)
}

/// Cache headers: only the client may keep the answer, and must revalidate it.
fn name_content(headers: &mut HeaderMap, etag: &str) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.append(VARY, HeaderValue::from(ACCEPT));
    headers.append(VARY, HeaderValue::from(AUTHORIZATION));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(ETAG, etag);
    }
}

fn write(answer: &RowAnswer, format: RowFormat, style: &ReportConfig) -> Result<Vec<u8>, WriteError> {
    let rows = answer.rows.rows();
    let mut out = Vec::new();
    match format {
        RowFormat::Json => {
            let mut head = serde_json::to_vec(&answer.head)?;
            // Removes the closing brace, as the rows become one more member of the object.
            head.pop();
            out = head;
            out.extend_from_slice(b",\"rows\":");
            let mut writer = json::WriterBuilder::new()
                .with_explicit_nulls(true)
                .build::<_, json::writer::JsonArray>(out);
            writer.write(rows)?;
            writer.finish()?;
            out = writer.into_inner();
            out.push(b'}');
        }
        RowFormat::Csv => {
            if style.bom {
                out.extend_from_slice(BYTE_ORDER_MARK);
            }
            let rows = if style.formula_escape {
                without_formulas(rows)?
            } else {
                rows.clone()
            };
            write_batch(&rows, Format::Csv, &mut out)?;
        }
        RowFormat::Arrow => write_batch(rows, Format::Arrow, &mut out)?,
        RowFormat::Parquet => write_batch(rows, Format::Parquet, &mut out)?,
    }
    Ok(out)
}

/// Rows that cannot be written.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Arrow(#[from] datafusion::arrow::error::ArrowError),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// The rows with an apostrophe before texts that a spreadsheet would evaluate as formulas, as in reports.
fn without_formulas(rows: &RecordBatch) -> Result<RecordBatch, datafusion::arrow::error::ArrowError> {
    let columns = rows.columns().iter().map(|column| -> ArrayRef {
        match column.data_type() {
            DataType::Utf8 => {
                let harmless = column.as_string::<i32>().iter().map(|text| {
                    text.map(|text| {
                        if is_formula(text) {
                            format!("'{text}")
                        } else {
                            text.to_owned()
                        }
                    })
                });
                Arc::new(harmless.collect::<StringArray>())
            }
            _ => Arc::clone(column),
        }
    });
    RecordBatch::try_new(rows.schema(), columns.collect())
}

#[cfg(test)]
mod tests {
    use axum::http::header::IF_NONE_MATCH;

    use super::*;

    fn chosen(accept: &[&str]) -> Option<RowFormat> {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, value.parse().expect("a header"));
        }
        RowFormat::chosen(None, &headers).ok()
    }

    #[test]
    fn the_client_s_best_format_is_chosen() {
        for (accept, format) in [
            (&[][..], Some(RowFormat::Json)),
            (&["*/*"], Some(RowFormat::Json)),
            (&["text/csv"], Some(RowFormat::Csv)),
            (&["Text/CSV;header=present, */*;q=0.1"], Some(RowFormat::Csv)),
            (
                &["text/*;q=0.5", "application/vnd.apache.parquet;q=0.6"],
                Some(RowFormat::Parquet),
            ),
            (
                &["application/vnd.apache.arrow.stream, application/json;q=0.9"],
                Some(RowFormat::Arrow),
            ),
            (&["application/json;q=0, */*"], Some(RowFormat::Csv)),
            (&["text/html,application/xhtml+xml,*/*;q=0.8"], Some(RowFormat::Json)),
            (&["image/png"], None),
            (&["application/json;q=x"], None),
        ] {
            assert_eq!(chosen(accept), format, "{accept:?}");
        }
    }

    #[test]
    fn a_client_that_has_the_content_is_known_by_its_tag() {
        let tag = etag(&["a", "b"], RowFormat::Json);
        assert_ne!(tag, etag(&["ab", ""], RowFormat::Json));
        assert_ne!(tag, etag(&["a", "b"], RowFormat::Csv));
        let has = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, value.parse().expect("a header"));
            has_already(&headers, &tag)
        };
        assert!(has(&tag) && has(&format!("W/{tag}")) && has(&format!("\"x\", {tag}")) && has("*"));
        assert!(!has("\"x\"") && !has(""));
        assert!(!has_already(&HeaderMap::new(), &tag));
    }
}
