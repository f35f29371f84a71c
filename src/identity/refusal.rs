//! Why authentication failed, in words for logs that contain nothing of the token.

/// The longest token that is accepted, in bytes.
pub const LONGEST_TOKEN: usize = 16 * 1024;

/// Why authentication failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request has no token.
    #[error("there is no login token")]
    NoToken,
    /// The token is not valid.
    #[error("{0}")]
    BadToken(#[from] Reason),
    /// The issuer's keys were never fetched, so that no token can be verified.
    #[error("the issuer's keys are not available")]
    NoKeys,
}

/// Why a token is refused. A small fixed set, so that logs can be counted by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum Reason {
    #[error("there are several Authorization headers")]
    SeveralHeaders,
    #[error("the Authorization header is not text")]
    HeaderIsNoText,
    #[error("the Authorization header is not of the scheme Bearer")]
    NotBearer,
    #[error("login tokens are not set up ([identity])")]
    NotSetUp,
    #[error("it is not of the form dev:<user id>")]
    NotDev,
    #[error("it is longer than {LONGEST_TOKEN} bytes")]
    TooLong,
    #[error("it has not the three parts of a signed token (header.claims.signature)")]
    NotThreeParts,
    #[error("its {0} is padded base64: a token has no '='")]
    Padded(&'static str),
    #[error("its {0} is not base64 of the URL-safe alphabet")]
    NotBase64(&'static str),
    #[error("its header is not a JSON object with an algorithm (alg)")]
    BadHeader,
    #[error("it asks for extensions (crit)")]
    Extensions,
    #[error("its algorithm (alg) is none of identity.algorithms")]
    Algorithm,
    #[error("the keys have none of its id (kid)")]
    UnknownKey,
    #[error("it names no key (kid), and no key is for its algorithm (alg)")]
    NoKeyFits,
    #[error("its algorithm (alg) is not its key's")]
    AlgorithmOfOtherKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("its claims are not a JSON object")]
    BadClaims,
    #[error("it lacks the claim {0}")]
    Lacks(&'static str),
    #[error("its claim {0} has a wrong form")]
    Malformed(&'static str),
    #[error("another issuer made it (iss)")]
    Issuer,
    #[error("it is for another service (aud)")]
    Audience,
    #[error("it was made for a client that identity.clients does not list (azp, client_id)")]
    Client,
    #[error("it names no client (azp, client_id), and identity.clients lists some")]
    NoClient,
    #[error("it is not an access token, but an ID, refresh or logout token (typ, at_hash, c_hash, s_hash, events)")]
    NotAccess,
    #[error("it is bound to a key (cnf), which is not checked here")]
    Bound,
    #[error("it does not say that it is an access token (typ), as identity.require_access_token asks")]
    KindUnsaid,
    #[error("it has expired (exp)")]
    Expired,
    #[error("it is not valid yet (nbf)")]
    NotYet,
    #[error("its subject (sub) names nobody")]
    Nobody,
    #[error("it is no ID token (typ, events)")]
    NotIdToken,
    #[error("it is not for this sign-in (nonce)")]
    Nonce,
    #[error("it is for several services, and not for this one first (azp)")]
    AuthorizedParty,
    #[error("it came with another access token (at_hash)")]
    AccessTokenHash,
    #[error("it was made in the future (iat); are the clocks right?")]
    IssuedLater,
    #[error("it and the access token are about two people (sub)")]
    TwoPeople,
    #[error("it is no logout token (typ, events, nonce)")]
    NotLogoutToken,
    #[error("it was made too long ago (iat)")]
    IssuedLongAgo,
    #[error("it names neither a person nor a session (sub, sid)")]
    NamesNoSession,
    #[error("it was used before (jti)")]
    UsedBefore,
}
