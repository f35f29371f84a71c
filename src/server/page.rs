//! The page at `/`, and what all pages are made of: static files that are compiled in, and fetch everything they show
//! from the API.
//!
//! Scripts and styles have the digest of all files in their path, so that browsers keep them for good and never mix two
//! versions. The page itself is asked for again each time. Its texts are English; `page/messages` has them in other
//! languages.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use include_dir::{Dir, include_dir};

use super::entity_tag::{digest_of, is_tag_of, known_tags};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/server/page");

/// The page, which names the others.
const INDEX: &str = "index.html";
/// The placeholder in the page for the folder of all other files.
const FOLDER_MARK: &str = "{{assets}}";
/// Bytes of a file's digest that name its content.
const DIGEST_BYTES: usize = 8;
/// The Content-Security-Policy of pages: only files of the service itself; nothing inline, nothing framed, no form sent
/// elsewhere.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The Referrer-Policy of pages: other sites get no address of this service from a link, and forms of its own pages
/// have an `Origin`.
pub const REFERRERS: &str = "same-origin";
/// The folder of the scripts and styles, below the service's address.
pub static ASSETS: LazyLock<String> =
    LazyLock::new(|| format!("assets/{}", digest_of(files_below(&FILES).into_values(), DIGEST_BYTES)));

/// One file as it is answered.
#[derive(Clone)]
struct Asset {
    bytes: Bytes,
    media_type: &'static str,
    etag: String,
    caching: &'static str,
}

/// The routes of the page and its files.
pub fn routes() -> Router {
    let folder = ASSETS.as_str();
    let mut router = Router::new();
    for (path, bytes) in files_below(&FILES) {
        if path == INDEX {
            let page = String::from_utf8_lossy(bytes).replace(FOLDER_MARK, folder);
            let page = Asset::new(path, Bytes::from(page), "no-cache");
            router = router.route("/", get(async move |headers: HeaderMap| page.answer(&headers)));
        } else {
            let file = Asset::new(path, Bytes::from_static(bytes), "public, max-age=31536000, immutable");
            let route = format!("/{folder}/{path}");
            router = router.route(&route, get(async move |headers: HeaderMap| file.answer(&headers)));
        }
    }
    router
}

impl Asset {
    fn new(path: &str, bytes: Bytes, caching: &'static str) -> Self {
        Self {
            etag: format!("\"{}\"", digest_of([bytes.as_ref()], DIGEST_BYTES)),
            bytes,
            media_type: media_type(path),
            caching,
        }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let mut response = if known_tags(headers).any(|tag| is_tag_of(tag, &self.etag)) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            self.bytes.clone().into_response()
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(self.caching));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static(REFERRERS));
        if let Ok(etag) = HeaderValue::try_from(&self.etag) {
            headers.insert(ETAG, etag);
        }
        response
    }
}

/// All files below a folder, by their paths.
fn files_below(folder: &'static Dir<'_>) -> BTreeMap<&'static str, &'static [u8]> {
    let below = folder.dirs().flat_map(files_below);
    let here = folder
        .files()
        .filter_map(|file| Some((file.path().to_str()?, file.contents())));
    here.chain(below).collect()
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regex::Regex;

    use super::*;
    use crate::language::Language;
    use crate::report::ReportFormat;

    type Texts = BTreeMap<String, String>;

    fn text_of(path: &str) -> &'static str {
        let file = FILES.get_file(path).unwrap_or_else(|| panic!("no {path}"));
        file.contents_utf8().expect("UTF-8")
    }

    fn texts(language: Language) -> Texts {
        serde_json::from_str(text_of(&format!("messages/{language}.json"))).expect("texts")
    }

    fn found(pattern: &str, text: &str) -> Vec<String> {
        let pattern = Regex::new(pattern).expect("a pattern");
        pattern
            .captures_iter(text)
            .map(|found| found[1].trim().to_owned())
            .collect()
    }

    /// The English texts of the page and its scripts.
    fn said() -> BTreeSet<String> {
        let page = text_of(INDEX);
        let (before, rest) = page.split_once("<noscript>").expect("a part");
        let (_, after) = rest.split_once("</noscript>").expect("its end");
        let mut said = found(">([^<]+)<", before);
        said.extend(found(">([^<]+)<", after));
        said.extend(found("aria-label=\"([^\"]*)\"", page));
        for (path, bytes) in files_below(&FILES) {
            if path.ends_with(".js") && !path.starts_with("vendor/") {
                said.extend(found(r#"\bt\(\s*"([^"]*)""#, &String::from_utf8_lossy(bytes)));
            }
        }
        // Names of formats are the same in every language.
        let is_said = |text: &String| {
            text.contains(|char: char| char.is_ascii_alphabetic()) && !["CSV", "Excel (XLSX)"].contains(&text.as_str())
        };
        said.into_iter().filter(is_said).collect()
    }

    #[test]
    fn every_text_of_the_page_is_translated_into_every_language() {
        let said = said();
        assert!(said.len() > 100, "{said:?}");
        for language in Language::ALL
            .into_iter()
            .filter(|language| *language != Language::English)
        {
            let known: BTreeSet<String> = texts(language).into_keys().collect();
            let missing: Vec<&String> = said.difference(&known).collect();
            assert!(missing.is_empty(), "{language} lacks {missing:?}");
            let unused: Vec<&String> = known.difference(&said).collect();
            assert!(unused.is_empty(), "{language} has, and nobody says, {unused:?}");
        }
    }

    #[test]
    fn translations_have_the_same_placeholders() {
        let names = |text: &str| found(r"\{(\w+)\}", text).into_iter().collect::<BTreeSet<_>>();
        for language in Language::ALL
            .into_iter()
            .filter(|language| *language != Language::English)
        {
            for (english, text) in texts(language) {
                assert_eq!(names(&text), names(&english), "{language}: {english}");
                assert!(!text.trim().is_empty(), "{language}: {english}");
            }
        }
    }

    #[test]
    fn the_script_offers_the_languages_that_there_are() {
        let script = text_of("language.js");
        let offered = found(r"const LANGUAGES = \[([^\]]*)\]", script);
        let expected: Vec<String> = Language::ALL.map(|language| format!("\"{language}\"")).into();
        assert_eq!(offered, [expected.join(", ")]);
        let files = FILES.get_dir("messages").expect("a folder").files().count();
        assert_eq!(files, Language::ALL.len() - 1);
    }

    #[test]
    fn the_page_offers_and_names_the_formats_that_are_delivered() {
        let expected: Vec<&str> = ReportFormat::delivered().map(ReportFormat::word).collect();
        let choice = found(r#"<select id="report-format">(.*)</select>"#, text_of(INDEX)).concat();
        assert_eq!(found(r#"<option value="(\w+)">"#, &choice), expected);
        let names = found(r"const FORMATS = \{([^}]*)\}", text_of("requests.js")).concat();
        assert_eq!(found(r"(\w+):", &names), expected);
    }
}
