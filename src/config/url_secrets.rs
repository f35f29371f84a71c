//! Settings as people may read them: what may be a secret in a URL is hidden.

use url::Url;

use super::secret::HIDDEN;

/// The schemes whose URLs have a container where others have a user: `abfss://exports@account.dfs.core.windows.net/`.
const OF_CONTAINERS: [&str; 2] = ["abfs", "abfss"];

/// The text, with `***` for what may be a secret where it is a URL: its password, a user without a password (a token),
/// and its query (signatures, tokens). Of a malformed URL, more than that may be hidden.
pub fn without_secrets(text: &str) -> String {
    let hidden = match Url::parse(text) {
        Ok(url) if url.has_host() => of_url(url),
        Err(_) if text.contains("://") => of_broken_url(text),
        _ if !text.contains("://") => of_login(text),
        _ => None,
    };
    hidden.unwrap_or_else(|| text.to_owned())
}

/// The URL without its secrets; none where it has none.
fn of_url(mut url: Url) -> Option<String> {
    let has_password = url.password().is_some();
    let is_lone_user = !has_password && !url.username().is_empty() && !OF_CONTAINERS.contains(&url.scheme());
    if !has_password && !is_lone_user && url.query().is_none() {
        return None;
    }
    if url.query().is_some() {
        url.set_query(Some(HIDDEN));
    }
    let login = match (has_password, is_lone_user) {
        (true, _) => url.set_password(Some(HIDDEN)),
        (false, true) => url.set_username(HIDDEN),
        (false, false) => Ok(()),
    };
    // What cannot be replaced must not be shown either.
    Some(match login {
        Ok(()) => url.into(),
        Err(()) => HIDDEN.to_owned(),
    })
}

/// A malformed URL, such as one with an invalid port.
fn of_broken_url(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (login, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => (format!("{HIDDEN}@"), rest),
        None => (String::new(), rest),
    };
    let (place, query) = match rest.split_once('?') {
        Some((place, _)) => (place, format!("?{HIDDEN}")),
        None => (rest, String::new()),
    };
    Some(format!("{scheme}://{login}{place}{query}"))
}

/// A login and its host without the scheme before them: `user:password@host`.
fn of_login(text: &str) -> Option<String> {
    // `Reports: daily <reports@example.org>` is a sender.
    let (login, host) = text.rsplit_once('@').filter(|_| !text.ends_with('>'))?;
    let (user, _) = login.split_once(':').filter(|(user, _)| !user.contains('/'))?;
    Some(format!("{user}:{HIDDEN}@{host}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_may_be_a_secret_is_hidden() {
        for (text, shown) in [
            (
                "https://asha:geheim@sso.example.org/certs",
                "https://asha:***@sso.example.org/certs",
            ),
            (
                "https://geheim@sso.example.org/certs",
                "https://***@sso.example.org/certs",
            ),
            (
                "https://sso.example.org/certs?token=geheim",
                "https://sso.example.org/certs?***",
            ),
            (
                "https://geheim@sso.example.org/?a=1#part",
                "https://***@sso.example.org/?***#part",
            ),
            (
                "https://account.blob.core.windows.net/exports?sv=2024-11-04&sig=geheim",
                "https://account.blob.core.windows.net/exports?***",
            ),
            ("s3://bucket/exports?X-Amz-Signature=geheim", "s3://bucket/exports?***"),
            ("df://asha:geheim@scheduler", "df://asha:***@scheduler"),
            ("smtp://geheim@mail.example.org", "smtp://***@mail.example.org"),
            ("asha:geheim@mail.example.org:587", "asha:***@mail.example.org:587"),
            ("asha:ge@heim@mail.example.org", "asha:***@mail.example.org"),
            ("asha:ge/heim@mail.example.org", "asha:***@mail.example.org"),
            ("smtp:asha:geheim@mail.example.org", "smtp:***@mail.example.org"),
            (
                "https://asha:geheim@sso.example.org:99999/?t=geheim",
                "https://***@sso.example.org:99999/?***",
            ),
            (
                "https://sso.example.org:99999/?t=geheim",
                "https://sso.example.org:99999/?***",
            ),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        for text in [
            "",
            "latest",
            "exports",
            "s3://bucket/exports",
            "https://sso.example.org",
            "https://example.org/claims#roles",
            "abfss://exports@account.dfs.core.windows.net/daily",
            "file:///srv/exports",
            "file:///srv/a@b?c",
            "smtp://mail.example.org:587",
            "scheduler:50050",
            "Pragati <reports@example.org>",
            "Reports: daily <reports@example.org>",
            "bounces+{id}@example.org",
            "/srv/exports/a:b@c",
            "https://sso.example.org:99999/",
            "ORG_ADMIN:",
        ] {
            assert_eq!(without_secrets(text), text);
        }
    }

    proptest! {
        #[test]
        fn passwords_and_queries_are_never_shown(password in "[a-z@:%# ?]{0,6}geheim[a-z]{0,4}", port in "[0-9]{0,6}") {
            for scheme in ["https", "smtp", "s3", "df"] {
                let query = without_secrets(&format!("{scheme}://host:{port}/a?sig=geheim{port}"));
                prop_assert!(!query.contains("geheim"), "{}", query);
            }
            let login = without_secrets(&format!("asha:{password}@host"));
            prop_assert!(!login.contains("geheim"), "{}", login);
        }

        #[test]
        fn text_without_a_login_and_a_query_stays_as_it_is(text in "x[a-z]{0,4}[a-z:/.]{0,20}") {
            prop_assume!(!text.contains("://"));
            prop_assert_eq!(without_secrets(&text), text);
        }
    }
}
