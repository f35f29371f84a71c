//! Mail addresses as tokens and exports have them: which of them mail can be sent to.

use lettre::Address;

/// The address, where mail can be sent to it: of the right form, and not masked for privacy as in many exports.
pub fn usable_address(text: &str) -> Option<String> {
    let text = text.trim();
    let is_address = text.parse::<Address>().is_ok() && !text.contains('*');
    is_address.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_and_malformed_addresses_are_not_used() {
        assert_eq!(
            usable_address(" asha@example.org "),
            Some("asha@example.org".to_owned())
        );
        for bad in [
            "",
            "asha",
            "as***@example.org",
            "a@b\r\nBcc: c@d.org",
            "a@example.org, b@example.org",
            "<a@example.org>",
        ] {
            assert_eq!(usable_address(bad), None, "{bad:?}");
        }
    }
}
