//! Mail addresses from login tokens, exports and settings, converted to the form of the mail protocol.

use lettre::Address;
use url::Host;

use super::plain::is_invisible;

/// Characters of a whole address in the mail protocol.
const MAX_CHARS: usize = 254;

/// The address, where it is deliverable: valid in SMTP, and not masked for privacy as in many exports.
pub fn usable_address(text: &str) -> Option<String> {
    let text = text.trim();
    let is_usable = !text.contains('*') && for_mail(text).is_some();
    is_usable.then(|| text.to_owned())
}

/// One address; `None` where the text is not exactly one. The domain becomes ASCII (punycode), since most mail servers
/// accept nothing else; the part before the `@` is kept as it is.
pub(super) fn for_mail(text: &str) -> Option<Address> {
    let text = text.trim();
    // The parser accepts quoted spaces and invisible characters, which no real address has.
    let is_odd = |char: char| is_invisible(char) || char.is_whitespace() || matches!(char, '<' | '>' | '"' | ',' | ';');
    if text.len() > MAX_CHARS || text.contains(is_odd) {
        return None;
    }
    let address: Address = text.parse().ok()?;
    if address.domain().is_ascii() {
        return Some(address);
    }
    match Host::parse(address.domain()).ok()? {
        Host::Domain(domain) => Address::new(address.user(), domain).ok(),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

/// Whether two texts are the same address, even where only one has its domain in punycode.
pub fn same_address(one: &str, other: &str) -> bool {
    let mailed = |text: &str| for_mail(text).map(|address| address.to_string());
    match (mailed(one), mailed(other)) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(&other),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_the_same_in_any_spelling() {
        for (one, other, is_same) in [
            ("asha@example.org", " Asha@EXAMPLE.org ", true),
            ("asha@bücher.example", "asha@xn--bcher-kva.example", true),
            ("asha@example.org", "ravi@example.org", false),
            ("", "", false),
            ("asha", "asha", false),
        ] {
            assert_eq!(same_address(one, other), is_same, "{one} {other}");
        }
    }

    #[test]
    fn masked_and_malformed_addresses_are_not_used() {
        let address = "asha@example.org".to_owned();
        assert_eq!(usable_address(" asha@example.org "), Some(address));
        for bad in [
            "",
            "asha",
            "as***@example.org",
            "\"a b\"@example.org",
            "a@example.org, b@example.org",
        ] {
            assert_eq!(usable_address(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn one_address_is_one_address() {
        let written = |text: &str| for_mail(text).map(|address| address.to_string());
        for (text, expected) in [
            ("asha@example.org", Some("asha@example.org")),
            (" asha.k+reports@example.org\n", Some("asha.k+reports@example.org")),
            ("asha@उदाहरण.भारत", Some("asha@xn--p1b6ci4b4b3a.xn--h2brj9c")),
            ("आशा@example.org", Some("आशा@example.org")),
            ("", None),
            ("asha", None),
            ("asha@", None),
            ("asha@example.org\r\nBcc: x@example.org", None),
            ("asha@example.org\u{2028}x", None),
            ("asha@example.org,x@example.org", None),
            ("asha@example.org> SIZE=1", None),
            ("Asha <asha@example.org>", None),
            ("\"a b\"@example.org", None),
        ] {
            assert_eq!(written(text).as_deref(), expected, "{text:?}");
        }
        assert_eq!(for_mail(&format!("{}@example.org", "a".repeat(300))), None);
    }
}
