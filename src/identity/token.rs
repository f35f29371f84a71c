//! Parses a token into header, claims and signature (JWS compact form, RFC 7515). Nothing is verified here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::claims::Claims;
use super::refusal::{LONGEST_TOKEN, Reason};

/// The parts of a token, as they came.
#[derive(Clone, Copy)]
pub struct TokenParts<'a> {
    header: &'a str,
    claims: &'a str,
    /// The signature, in base64.
    pub signature: &'a str,
    /// What is signed: header and claims with the dot between them.
    pub signed: &'a str,
}

/// What is read of a token's header.
#[derive(Debug, Deserialize)]
pub struct TokenHeader {
    #[serde(rename = "alg")]
    pub algorithm: String,
    #[serde(rename = "kid")]
    pub key_id: Option<String>,
    #[serde(rename = "typ")]
    pub kind: Option<String>,
    /// Critical extensions (`crit`), of which none is supported. `Some` also where it is null.
    #[serde(rename = "crit", default, deserialize_with = "present")]
    pub extensions: Option<Value>,
}

impl<'a> TokenParts<'a> {
    /// Splits a token.
    ///
    /// # Errors
    ///
    /// Where it is too long or has not three parts.
    pub fn of(token: &'a str) -> Result<Self, Reason> {
        if token.len() > LONGEST_TOKEN {
            return Err(Reason::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Reason::NotThreeParts)?;
        let (header, claims) = signed.split_once('.').ok_or(Reason::NotThreeParts)?;
        if claims.contains('.') {
            return Err(Reason::NotThreeParts);
        }
        Ok(Self {
            header,
            claims,
            signature,
            signed,
        })
    }

    /// The header.
    ///
    /// # Errors
    ///
    /// Where it is not base64 of a JSON object with an algorithm.
    pub fn header(&self) -> Result<TokenHeader, Reason> {
        serde_json::from_slice(&decoded("header", self.header)?).map_err(|_| Reason::BadHeader)
    }

    /// The claims, of which nothing may be trusted before the signature is checked.
    ///
    /// # Errors
    ///
    /// Where they are not base64 of a JSON object.
    pub fn claims(&self) -> Result<Claims, Reason> {
        serde_json::from_slice(&decoded("claims", self.claims)?).map_err(|_| Reason::BadClaims)
    }

    /// Whether all parts are base64 as tokens have it.
    ///
    /// # Errors
    ///
    /// Names the first part that is not.
    pub fn check_form(&self) -> Result<(), Reason> {
        for (name, part) in [
            ("header", self.header),
            ("claims", self.claims),
            ("signature", self.signature),
        ] {
            decoded(name, part)?;
        }
        Ok(())
    }
}

/// A value that is there, whatever it is.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn decoded(name: &'static str, part: &str) -> Result<Vec<u8>, Reason> {
    if part.contains('=') {
        return Err(Reason::Padded(name));
    }
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::NotBase64(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    fn header(text: &str) -> Result<TokenHeader, Reason> {
        let token = format!("{}.e30.AAAA", encoded(text));
        TokenParts::of(&token).expect("three parts").header()
    }

    #[test]
    fn a_token_has_three_parts() {
        for bad in ["", "a", "a.b", "a.b.c.d", "..."] {
            assert_eq!(TokenParts::of(bad).map(|_| ()), Err(Reason::NotThreeParts), "{bad}");
        }
        let long = format!("a.b.{}", "c".repeat(LONGEST_TOKEN));
        assert_eq!(TokenParts::of(&long).map(|_| ()), Err(Reason::TooLong));
        let parts = TokenParts::of("a.b.c").expect("a token");
        assert_eq!((parts.signed, parts.signature), ("a.b", "c"));
    }

    #[test]
    fn parts_are_base64_without_padding() {
        for (token, reason) in [
            ("e30=.e30.AAAA", Reason::Padded("header")),
            ("e30.e30=.AAAA", Reason::Padded("claims")),
            ("e30.e30.AAA=", Reason::Padded("signature")),
            ("e30.e3+.AAAA", Reason::NotBase64("claims")),
            ("e30.e30.AA/A", Reason::NotBase64("signature")),
            ("e3\n0.e30.AAAA", Reason::NotBase64("header")),
        ] {
            assert_eq!(
                TokenParts::of(token).expect("three parts").check_form(),
                Err(reason),
                "{token}"
            );
        }
        assert_eq!(TokenParts::of("e30.e30.").expect("three parts").check_form(), Ok(()));
    }

    #[test]
    fn headers_and_claims_are_objects() {
        let good = header(r#"{"alg":"RS256","kid":"k","typ":"JWT","x5t":1}"#).expect("a header");
        assert_eq!((good.algorithm.as_str(), good.key_id.as_deref()), ("RS256", Some("k")));
        assert!(good.extensions.is_none());
        for given in ["null", "[]", r#"["b64"]"#] {
            let header = header(&format!(r#"{{"alg":"RS256","crit":{given}}}"#)).expect("a header");
            assert!(header.extensions.is_some(), "{given}");
        }
        for bad in [
            "{}",
            "[]",
            r#"{"alg":7}"#,
            r#"{"alg":"RS256","kid":7}"#,
            r#"{"alg":"RS256","alg":"none"}"#,
        ] {
            assert_eq!(header(bad).map(|_| ()), Err(Reason::BadHeader), "{bad}");
        }
        let token = format!("e30.{}.AAAA", encoded("[1]"));
        let parts = TokenParts::of(&token).expect("three parts");
        assert_eq!(parts.claims(), Err(Reason::BadClaims));
    }
}
