//! The two requests of the authorization code flow (RFC 6749, 4.1) with PKCE (RFC 7636): the authorization request, and
//! the token request that exchanges the code.

use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::attempt::Attempt;
use super::discovery::{Issuer, PKCE_METHOD};
use super::fault::SignInFault;
use super::{CALLBACK_PATH, SignIn};

/// The tokens that the issuer issued for a code.
pub struct IssuedTokens {
    pub id_token: String,
    pub access_token: String,
}

/// The successful answer of the token endpoint.
#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    token_type: String,
    id_token: Option<String>,
}

/// The error answer of the token endpoint.
#[derive(Deserialize)]
struct ErrorResponse {
    error: String,
}

/// The URL of the authorization request, to which the browser is redirected.
pub fn authorization_url(sign_in: &SignIn, issuer: &Issuer, attempt: &Attempt) -> Url {
    // The issuer's address may have a query of its own, which stays.
    let mut url = issuer.authorization.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &sign_in.client_id)
        .append_pair("redirect_uri", &sign_in.public(CALLBACK_PATH))
        .append_pair("scope", &sign_in.scopes.join(" "))
        .append_pair("state", &attempt.state)
        .append_pair("nonce", &attempt.nonce)
        .append_pair("code_challenge", &challenge(&attempt.verifier))
        .append_pair("code_challenge_method", PKCE_METHOD);
    url
}

/// The tokens of a code.
///
/// # Errors
/// The issuer does not answer, or refuses the code.
pub async fn tokens(
    sign_in: &SignIn,
    issuer: &Issuer,
    attempt: &Attempt,
    code: &str,
) -> Result<IssuedTokens, SignInFault> {
    let (headers, form) = token_request(sign_in, issuer, attempt, code);
    let answer = issuer.token.post(headers, form).await;
    let answer = answer.map_err(|error| SignInFault::Unreachable {
        url: issuer.token.shown(),
        reason: error.to_string(),
    })?;
    if answer.status() != StatusCode::OK {
        return Err(refusal(issuer, answer.status(), answer.body()));
    }
    let response: TokenResponse = serde_json::from_slice(answer.body())
        .map_err(|_| unusable(issuer, "its answer is not the JSON that OAuth asks for".to_owned()))?;
    if !response.token_type.eq_ignore_ascii_case("bearer") {
        return Err(unusable(issuer, "its access token is no bearer token".to_owned()));
    }
    let id_token = response.id_token;
    Ok(IssuedTokens {
        id_token: id_token.ok_or_else(|| unusable(issuer, "it gives no ID token".to_owned()))?,
        access_token: response.access_token,
    })
}

/// The token request for a code: headers and form.
fn token_request(sign_in: &SignIn, issuer: &Issuer, attempt: &Attempt, code: &str) -> (HeaderMap, Vec<u8>) {
    let mut headers = HeaderMap::new();
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, form_type);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", &sign_in.public(CALLBACK_PATH))
        .append_pair("code_verifier", &attempt.verifier);
    let id = &sign_in.client_id;
    match &sign_in.client_secret {
        Some(secret) if !issuer.takes_secret_in_form => {
            if let Ok(mut value) = HeaderValue::try_from(basic(id, secret.reveal())) {
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
            }
        }
        Some(secret) => {
            form.append_pair("client_id", id)
                .append_pair("client_secret", secret.reveal());
        }
        None => {
            form.append_pair("client_id", id);
        }
    }
    (headers, form.finish().into_bytes())
}

/// A client's id and secret as a header has them: each encoded as in a form first (RFC 6749, 2.3.1).
fn basic(id: &str, secret: &str) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    format!(
        "Basic {}",
        STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)))
    )
}

/// The PKCE challenge of an attempt's verifier.
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// The fault for an error answer. Only its OAuth error code is kept.
fn refusal(issuer: &Issuer, status: StatusCode, answer: &[u8]) -> SignInFault {
    match serde_json::from_slice::<ErrorResponse>(answer) {
        Ok(ErrorResponse { error }) => match error.as_str() {
            "invalid_client" | "unauthorized_client" => SignInFault::ClientRefused,
            word => SignInFault::issuer_says(word),
        },
        Err(_) => unusable(issuer, format!("its answer is {status}, not 200 OK")),
    }
}

fn unusable(issuer: &Issuer, reason: String) -> SignInFault {
    SignInFault::Unusable {
        url: issuer.token.shown(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn a_secret_may_have_any_letters() {
        let header = basic("client:1", "p:ä/+ %");
        let sent = STANDARD
            .decode(header.strip_prefix("Basic ").expect("a scheme"))
            .expect("base64");
        assert_eq!(
            String::from_utf8(sent).expect("UTF-8"),
            "client%3A1:p%3A%C3%A4%2F%2B+%25"
        );
    }
}
