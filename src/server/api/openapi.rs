//! The parts of the API's description (OpenAPI 3.1) that are not beside a handler: title, authentication, and the
//! problems that each handler can answer with.

use std::collections::BTreeMap;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify};

use super::problem::{PROBLEM_JSON, Problem};

/// Title, tags and authentication.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Pragati",
        description = "Course Progress Reports, as mails or downloads.\n\nAll times are UTC (RFC 3339). Whatever goes wrong is \
            answered with a problem document (RFC 9457). Every answer has an `X-Request-Id`, which the service's log has too.",
    ),
    tags(
        (name = "reports", description = "Asking for reports and fetching them"),
        (name = "batches", description = "Batches whose reports can be asked for"),
        (name = "subscriptions", description = "Reports that are mailed again and again, and the officers who get their rows"),
        (name = "figures", description = "The download ratio: is the report used?"),
        (name = "operations", description = "For operators and monitoring"),
    ),
    components(schemas(Problem)),
    modifiers(&BearerScheme),
)]
pub struct Description;

struct BearerScheme;

impl Modify for BearerScheme {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The token of the platform's login (RS256 or ES256)."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// Sets of problems, as types that handlers name in their descriptions.
macro_rules! problem_sets {
    ($($set:ident { $($status:literal $what:literal)+ })+) => {
        $(
            pub struct $set;

            impl IntoResponses for $set {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    [$(($status, $what)),+].into_iter().map(problem).collect()
                }
            }
        )+
    };
}

problem_sets! {
    PostProblems {
        400 "The body is not JSON, or the Idempotency-Key is malformed"
        401 "There is no login token, or it is not valid"
        403 "The request came from another site, with the cookie of a session here"
        404 "There is no such batch for you"
        408 "The body did not arrive in time"
        413 "The body is too large"
        415 "The body is not of type application/json"
        422 "A field is missing or wrong; the report cannot be mailed to you; or the Idempotency-Key names another request"
        429 "You asked too often"
        500 "An error of the service"
        503 "Too many reports are waited for, or something that the service needs does not answer"
    }
    ListProblems {
        400 "A parameter is wrong"
        401 "There is no login token, or it is not valid"
        500 "An error of the service"
        503 "Something that the service needs does not answer"
    }
    ChangeProblems {
        400 "A parameter is wrong"
        401 "There is no login token, or it is not valid"
        404 "There is no nightly output that tells which batches changed"
        500 "An error of the service"
        503 "Something that the service needs does not answer"
    }
    ShowProblems {
        401 "There is no login token, or it is not valid"
        404 "You made no request of that id, or it is not kept any more"
        500 "An error of the service"
        503 "Something that the service needs does not answer"
    }
    NewSubscriptionProblems {
        400 "The body is not JSON"
        401 "There is no login token, or it is not valid"
        403 "The request came from another site, with the cookie of a session here"
        404 "There is no such batch for you"
        408 "The body did not arrive in time"
        413 "The body is too large"
        415 "The body is not of type application/json"
        422 "A field is missing or wrong; the report cannot be mailed to you; or you have too many subscriptions"
        500 "An error of the service"
        503 "Something that the service needs does not answer"
    }
    ShowSubscriptionProblems {
        401 "There is no login token, or it is not valid"
        403 "The request came from another site, with the cookie of a session here"
        404 "You have no subscription of that id, or it is not kept any more"
        500 "An error of the service"
        503 "Something that the service needs does not answer"
    }
    ChangeSubscriptionProblems {
        401 "There is no login token, or it is not valid"
        403 "The request came from another site, with the cookie of a session here"
        404 "You have no subscription of that id, or it is not kept any more"
        409 "The subscription has ended"
        500 "An error of the service"
        503 "Something that the service needs does not answer"
    }
    OfficerProblems {
        400 "A parameter is wrong"
        401 "There is no login token, or it is not valid"
        403 "You are no admin of this, or the request came from another site, with the cookie of a session here"
        408 "The list did not arrive in time"
        413 "The list is too large"
        422 "A line of the list cannot be taken; the detail names it"
        500 "An error of the service"
        503 "Something that the service needs does not answer"
    }
    FileProblems {
        401 "There is no login token, or it is not valid"
        403 "You may not have this batch's report any more"
        404 "You made no request of that id, or it is not kept any more"
        409 "The report is not ready yet, or the request failed"
        410 "The file is not kept any more, or was made under other rules of consent than hold now"
        416 "The file has no such bytes"
        500 "An error of the service"
        503 "Something that the service needs does not answer"
    }
    FigureProblems {
        400 "A parameter is wrong"
        401 "There is no login token, or it is not valid"
        403 "You may not see these figures"
        404 "There are no figures by day of single courses"
        406 "There is no format that you accept"
        500 "An error of the service"
        503 "The figures are not there yet, or something that the service needs does not answer"
    }
    SessionProblems {
        500 "An error of the service"
        503 "Something that the service needs does not answer"
    }
    ReadinessProblems {
        500 "An error of the service"
        503 "Something that the service needs does not answer"
    }
}

fn problem((status, what): (u16, &str)) -> (String, RefOr<Response>) {
    let schema = Ref::from_schema_name("Problem");
    let mut response = ResponseBuilder::new()
        .description(what)
        .content(PROBLEM_JSON, ContentBuilder::new().schema(Some(schema)).build());
    let header = |what: &str| HeaderBuilder::new().description(Some(what)).build();
    match status {
        401 => response = response.header("WWW-Authenticate", header("How to log in: a Bearer token")),
        429 | 503 => response = response.header("Retry-After", header("Seconds after which another try is worth it")),
        416 => response = response.header("Content-Range", header("How many bytes the file has")),
        _ => {}
    }
    (status.to_string(), response.build().into())
}
