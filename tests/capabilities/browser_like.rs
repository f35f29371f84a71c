//! An HTTP client that behaves as a browser: it keeps cookies and sends the `Sec-Fetch` headers; a test follows
//! its redirects one by one.

use std::collections::BTreeMap;

use reqwest::header::{ACCEPT, COOKIE, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, StatusCode, redirect};

use crate::fake_issuer::{Asked, FakeIssuer};
use crate::running_service::{Answer, RunningService};

pub struct BrowserLike<'a> {
    service: &'a RunningService,
    client: Client,
    pub cookies: BTreeMap<String, String>,
}

impl<'a> BrowserLike<'a> {
    pub fn new(service: &'a RunningService) -> Self {
        let client = Client::builder().redirect(redirect::Policy::none()).build();
        Self {
            service,
            client: client.expect("a client"),
            cookies: BTreeMap::new(),
        }
    }

    /// A request as a program in the browser's place makes it: with its cookies and nothing else.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = self.client.request(method, format!("{}{path}", self.service.url));
        if cookies.is_empty() {
            request
        } else {
            request.header(COOKIE, cookies.join("; "))
        }
    }

    pub fn send(&mut self, request: RequestBuilder) -> Answer {
        let answer = self.service.send(request);
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("text");
            let (pair, attributes) = cookie.split_once("; ").expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            for needed in ["Path=/", "HttpOnly", "SameSite=Lax"] {
                assert!(attributes.split("; ").any(|one| one == needed), "{cookie}");
            }
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Opens an address, as a click on a link does.
    pub fn open(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path);
        let request = request
            .header(ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("Sec-Fetch-Mode", "navigate");
        self.send(request)
    }

    /// Opens an address as a browser in these languages does.
    pub fn open_in(&mut self, languages: &str, path: &str) -> Answer {
        let request = self.request(Method::GET, path);
        self.send(request.header("Accept-Language", languages))
    }

    /// Sends a form of a page of the service itself.
    pub fn post(&mut self, path: &str, form: String) -> Answer {
        let request = self.request(Method::POST, path).header("Sec-Fetch-Site", "same-origin");
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        self.send(request.body(form))
    }

    /// Begins a sign-in at that path; what the issuer is asked.
    pub fn begin(&mut self, path: &str) -> Asked {
        let answer = self.open(path);
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        Asked::of(answer.header("location"))
    }

    /// Comes back from the issuer.
    pub fn come_back(&mut self, issuer: &FakeIssuer, asked: &Asked, code: &str) -> Answer {
        let path = callback(issuer, asked.get("state"), code);
        self.open(&path)
    }

    /// Signs in, from the beginning to the end.
    pub fn sign_in(&mut self, issuer: &FakeIssuer, user: &str, roles: &[&str]) -> Answer {
        let asked = self.begin("/sign-in");
        let code = issuer.code(&asked, user, roles);
        let answer = self.come_back(issuer, &asked, &code);
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        answer
    }

    /// The status of a question of the API that needs a login.
    pub fn api_status(&mut self) -> u16 {
        let request = self.request(Method::GET, "/api/v1/reports");
        self.send(request).status.as_u16()
    }
}

/// The path that the issuer sends a browser back to.
pub fn callback(issuer: &FakeIssuer, state: &str, code: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("code", code)
        .append_pair("state", state)
        .append_pair("iss", &issuer.url);
    format!("/sign-in/callback?{}", query.finish())
}

/// The words of a page for people: HTML, and no problem document.
pub fn page(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{answer:?}");
    let policy = answer.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    let text = String::from_utf8(answer.body.clone()).expect("UTF-8");
    assert!(
        text.contains("<h2 id=\"title\">") && !text.contains("urn:pragati"),
        "{text}"
    );
    text.replace("&#x2f;", "/")
}
