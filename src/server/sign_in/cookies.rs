//! Cookies with the attributes that keep them to this service: HttpOnly, SameSite, Secure and the prefix `__Host-`.

use std::time::Duration;

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use url::Url;

/// How cookies are named and set.
#[derive(Debug, Clone, Copy)]
pub struct CookieStyle {
    /// Secure, with the prefix `__Host-`: browsers then accept the cookie neither from another host nor over plain
    /// HTTP.
    is_secure: bool,
}

impl CookieStyle {
    /// The style for a service that people reach at `public_url`: over TLS, or on their own machine.
    pub fn under(public_url: &Url) -> Self {
        Self {
            is_secure: public_url.scheme() == "https",
        }
    }

    fn prefix(self) -> &'static str {
        if self.is_secure { "__Host-" } else { "" }
    }

    fn name(self, plain: &str) -> String {
        format!("{}{plain}", self.prefix())
    }

    /// Sets a cookie that scripts cannot read and that other sites' forms do not send. Without `keep_for`, it is
    /// forgotten with the browser's end. Names and values are of letters, digits, `-`, `_` and `.`.
    pub fn set(self, plain: &str, value: &str, keep_for: Option<Duration>) -> HeaderValue {
        let mut text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax", self.name(plain));
        if self.is_secure {
            text.push_str("; Secure");
        }
        if let Some(time) = keep_for {
            text.push_str(&format!("; Max-Age={}", time.as_secs()));
        }
        // Values are always valid in a header; if one were not, no cookie would be set.
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
    }

    /// Removes a cookie.
    pub fn clear(self, plain: &str) -> HeaderValue {
        self.set(plain, "", Some(Duration::ZERO))
    }

    /// How many cookies of that name there are.
    pub fn count(self, headers: &HeaderMap, plain: &str) -> usize {
        values(headers, &self.name(plain)).count()
    }

    /// The plain names of the cookies whose plain name begins with `plain_start`. Names that this service never gives are
    /// left out.
    pub fn names_from<'a>(self, headers: &'a HeaderMap, plain_start: &str) -> Vec<&'a str> {
        let is_fit = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        pairs(headers)
            .filter_map(|(name, _)| name.strip_prefix(self.prefix()))
            .filter(|plain| plain.starts_with(plain_start) && plain.chars().all(is_fit))
            .collect()
    }

    /// The cookie of that name; none where there are several, because one of them was planted.
    pub fn only<'a>(self, headers: &'a HeaderMap, plain: &str) -> Option<&'a str> {
        let name = self.name(plain);
        let mut found = values(headers, &name);
        let only = found.next();
        only.filter(|_| found.next().is_none())
    }
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    pairs(headers).filter_map(move |(found, value)| (found == name).then_some(value))
}

/// Names and values of all cookies.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(url: &str) -> CookieStyle {
        CookieStyle::under(&url.parse().expect("a URL"))
    }

    #[test]
    fn cookies_are_for_this_service_alone() {
        let secure = style("https://reports.example.org/");
        assert_eq!(
            secure.set("s", "abc", None),
            "__Host-s=abc; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            secure.clear("s"),
            "__Host-s=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0"
        );
        let local = style("http://127.0.0.1:8480/");
        let kept = Some(Duration::from_secs(600));
        assert_eq!(
            local.set("s", "abc", kept),
            "s=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=600"
        );
    }

    #[test]
    fn a_cookie_that_is_sent_twice_is_ignored() {
        let secure = style("https://reports.example.org/");
        let headers = |cookies: &[&str]| {
            let mut headers = HeaderMap::new();
            for cookie in cookies {
                headers.append(COOKIE, cookie.parse().expect("a header"));
            }
            headers
        };
        for (given, value, count) in [
            (&["__Host-s=abc"][..], Some("abc"), 1),
            (&["a=b; __Host-s=abc;c=d", "e=f"], Some("abc"), 1),
            (&["s=abc", "__host-s=abc"], None, 0),
            (&["__Host-s=abc; __Host-s=def"], None, 2),
            (&["__Host-s=abc", "__Host-s=abc"], None, 2),
            (&["x__Host-s=abc"], None, 0),
            (&[], None, 0),
        ] {
            let headers = headers(given);
            assert_eq!(secure.only(&headers, "s"), value, "{given:?}");
            assert_eq!(secure.count(&headers, "s"), count, "{given:?}");
        }
    }

    #[test]
    fn cookies_are_listed_by_the_start_of_their_plain_names() {
        let mut headers = HeaderMap::new();
        let cookies = "__Host-s-1=a; __Host-t=b; s-2=c; __Host-s-3=; __Host-s-\"=d; __Host-s";
        headers.append(COOKIE, cookies.parse().expect("a header"));
        headers.append(COOKIE, "__Host-s-4=e".parse().expect("a header"));
        let secure = style("https://reports.example.org/");
        assert_eq!(secure.names_from(&headers, "s"), ["s-1", "s-3", "s-4"]);
        assert_eq!(style("http://127.0.0.1/").names_from(&headers, "s"), ["s-2"]);
    }
}
