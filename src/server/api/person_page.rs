//! A short page for people: to sign in, to download a file, or to explain a problem. It needs no scripts, except for
//! the form that takes a pasted token.

use axum::http::header::{CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::person_words::{Words, say};
use super::problem::Problem;
use super::reports::accepted_language;
use crate::language::Language;
use crate::server::page;

const TEMPLATE: &str = "person_page.html.j2";

/// A page for a person.
#[derive(Debug)]
pub struct PersonPage {
    status: StatusCode,
    language: Language,
    /// The relative path from the page to the root of the service: empty, or `../`.
    root: &'static str,
    assets: &'static str,
    title: Words,
    paragraphs: Vec<Words>,
    /// Who has signed in, by their id; the page lets them sign out.
    user: Option<String>,
    link: Option<Link>,
    form: Option<Form>,
    /// The address from which a file is fetched with a pasted token.
    token_form: Option<String>,
    /// The address that the browser is redirected to, and the seconds until then.
    go_to: Option<(u32, String)>,
}

#[derive(Debug)]
struct Link {
    url: String,
    words: &'static str,
}

#[derive(Debug)]
struct Form {
    url: String,
    words: &'static str,
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    name: &'static str,
    value: String,
}

impl PersonPage {
    /// A page at a path of `depth` folders.
    pub fn new(depth: Depth, title: impl Into<Words>) -> Self {
        Self {
            status: StatusCode::OK,
            language: Language::default(),
            root: depth.root(),
            assets: page::ASSETS.as_str(),
            title: title.into(),
            paragraphs: Vec::new(),
            user: None,
            link: None,
            form: None,
            token_form: None,
            go_to: None,
        }
    }

    /// The page for a problem.
    pub fn of_problem(depth: Depth, problem: &Problem) -> Self {
        Self::new(depth, problem.title())
            .status(problem.status())
            .paragraph(problem.detail())
    }

    /// Writes the page in the language that the browser asks for.
    pub fn in_language_of(mut self, headers: &HeaderMap) -> Self {
        self.language = accepted_language(headers).unwrap_or_default();
        self
    }

    /// The status of the answer.
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Adds a paragraph.
    pub fn paragraph(mut self, words: impl Into<Words>) -> Self {
        self.paragraphs.push(words.into());
        self
    }

    /// Shows who has signed in, and lets them sign out.
    pub fn signed_in(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Adds a link that looks like a button; a path of this service is one from its own address.
    pub fn link(mut self, path: &str, words: &'static str) -> Self {
        let url = self.below_root(path);
        self.link = Some(Link { url, words });
        self
    }

    /// Adds a button that sends these fields to a path of this service.
    pub fn form<const N: usize>(
        mut self,
        path: &str,
        words: &'static str,
        fields: [(&'static str, String); N],
    ) -> Self {
        let url = self.below_root(path);
        let fields = fields.into_iter().map(|(name, value)| Field { name, value });
        self.form = Some(Form {
            url,
            words,
            fields: fields.collect(),
        });
        self
    }

    /// Adds the form for a token, with which the file at a path of this service is fetched.
    pub fn token_form(mut self, path: &str) -> Self {
        self.token_form = Some(self.below_root(path));
        self
    }

    /// Downloads a file of this service once the page is shown; the page stays.
    pub fn then(mut self, path: &str) -> Self {
        self.go_to = Some((1, self.below_root(path)));
        self
    }

    /// Redirects to an address elsewhere at once.
    pub fn then_leave(mut self, url: String) -> Self {
        self.go_to = Some((0, url));
        self
    }

    /// The service's own address is `./`, because an empty link is the page itself.
    fn below_root(&self, path: &str) -> String {
        match (self.root, path) {
            ("", "") => "./".to_owned(),
            (root, path) => format!("{root}{path}"),
        }
    }

    /// The values of the template, by their names.
    fn values(&self) -> Value {
        let language = self.language;
        let link = self.link.as_ref();
        let form = self.form.as_ref().map(|form| {
            let fields = form.fields.iter();
            let fields = fields.map(|field| context! { name => field.name, value => field.value.clone() });
            context! { url => form.url.clone(), words => say(language, form.words), fields => fields.collect::<Value>() }
        });
        context! {
            language => language.code(),
            root => self.root,
            assets => self.assets,
            title => self.title.say(language),
            paragraphs => self.paragraphs.iter().map(|words| words.say(language)).collect::<Value>(),
            user => self.user.clone(),
            link => link.map(|link| context! { url => link.url.clone(), words => say(language, link.words) }),
            form,
            token_form => self.token_form.clone(),
            go_to => self.go_to.as_ref().map(|(seconds, url)| context! { seconds, url }),
        }
    }

    fn html(&self) -> Result<String, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let language = self.language;
        environment.add_function("t", move |english: String| say(language, &english).to_owned());
        environment.add_template(TEMPLATE, include_str!("person_page.html.j2"))?;
        environment.get_template(TEMPLATE)?.render(self.values())
    }
}

/// How many folders a page's path has.
#[derive(Debug, Clone, Copy)]
pub enum Depth {
    Top,
    OneFolder,
}

impl Depth {
    const fn root(self) -> &'static str {
        match self {
            Self::Top => "",
            Self::OneFolder => "../",
        }
    }
}

impl IntoResponse for PersonPage {
    fn into_response(self) -> Response {
        let html = match self.html() {
            Ok(html) => html,
            Err(error) => {
                tracing::error!("a page cannot be written: {error}");
                return Problem::internal().into_response();
            }
        };
        let mut response = (self.status, html).into_response();
        let headers = response.headers_mut();
        for (name, value) in [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, page::POLICY),
            (REFERRER_POLICY, page::REFERRERS),
            (CONTENT_LANGUAGE, self.language.code()),
            (VARY, "accept-language"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("10"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_text_and_never_markup() {
        let evil = "<script>alert(1)</script>\" onload=\"x";
        let page = PersonPage::new(Depth::OneFolder, evil)
            .paragraph(evil)
            .signed_in(evil)
            .link(evil, "Go")
            .form("download/1", "Send", [("key", evil.to_owned())])
            .token_form(evil)
            .then_leave(format!("https://sso.example.org/?{evil}"));
        let html = page.html().expect("a page");
        assert!(!html.contains("<script>") && !html.contains("\" onload"), "{html}");
        assert_eq!(html.matches("&lt;script&gt;").count(), 8, "{html}");
    }

    #[test]
    fn a_page_is_in_the_language_that_the_browser_asks_for() {
        let html = |wanted: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(axum::http::header::ACCEPT_LANGUAGE, HeaderValue::from_static(wanted));
            let page = PersonPage::new(Depth::Top, "You are signed out").link("", "To the page");
            page.signed_in("u1").in_language_of(&headers).html().expect("a page")
        };
        let (english, tamil) = (html("fr"), html("ta-IN, en;q=0.5"));
        assert!(
            english.contains("<html lang=\"en\">") && english.contains("You are signed out"),
            "{english}"
        );
        assert!(tamil.contains("<html lang=\"ta\">"), "{tamil}");
        for word in [
            "You are signed out",
            "To the page",
            "Sign out",
            "Course Progress Reports",
        ] {
            assert!(english.contains(word) && !tamil.contains(word), "{word}: {tamil}");
        }
    }

    #[test]
    fn paths_are_from_the_service_s_own_address() {
        let html = |depth| {
            PersonPage::new(depth, "x")
                .link("", "Home")
                .then("a/b")
                .html()
                .expect("a page")
        };
        let (top, below) = (html(Depth::Top), html(Depth::OneFolder));
        assert!(
            top.contains("href=\".&#x2f;\"") && top.contains("1; url=a&#x2f;b"),
            "{top}"
        );
        assert!(
            below.contains("href=\"..&#x2f;\"") && below.contains("href=\"..&#x2f;assets"),
            "{below}"
        );
    }
}
