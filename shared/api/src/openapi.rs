//! The OpenAPI document: what is said once for all operations.

use utoipa::{
    IntoResponses, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

use crate::{App, ProblemBody};

/// The name of the security requirement that operations with an access token carry.
pub const BEARER: &str = "access_token";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "NannyRadar",
        description = "Parents find a sitter nearby, book, pay, talk and review.\n\n\
            Errors are `application/problem+json` (RFC 9457) with a stable `code` and, for fields, \
            a JSON pointer each. Times are RFC 3339 in UTC. Unknown fields are refused. \
            API Gateway renames the header `WWW-Authenticate` of a 401 to `x-amzn-Remapped-WWW-Authenticate`.",
    ),
    servers((url = "/v1", description = "The stage")),
    tags(
        (name = "Identity", description = "Opening an account and signing in"),
        (name = "Me", description = "The caller's own account"),
        (name = "Family", description = "What a parent tells of their home and their children, in private"),
        (name = "Sitters", description = "Finding sitters"),
        (name = "Credentials", description = "What a sitter hands in for others to trust them"),
        (name = "Bookings", description = "From a quote to the end of a dispute"),
        (name = "Payments", description = "What parents pay, and sitters earn"),
        (name = "Administration", description = "Operating the marketplace"),
        (name = "Files", description = "Sending files"),
        (name = "Operations", description = "Health and documentation"),
    )
)]
struct Document;

/// An area's document or router begins from this.
pub fn base() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let components = document.components.get_or_insert_default();
    let bearer = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    document
}

/// The extension of an operation that says how the gateway treats it, and is no part of the contract. Its fields:
/// `throttle`, requests per second and how many at once, of all callers together, where the stage's throttle does not do;
/// and `cache_seconds`, for how long a deployed stage keeps the answer. Only what everybody may see and asks alike can
/// be kept, and only if the function ignores parameters that it does not know: a refusal would be kept for those who send
/// none.
pub const GATEWAY: &str = "x-gateway";

/// All that these functions serve, as one router. Each is given with the name of its binary.
pub fn together(
    endpoints: impl IntoIterator<Item = (&'static str, OpenApiRouter<App>)>,
) -> OpenApiRouter<App> {
    endpoints.into_iter().fold(OpenApiRouter::new(), |all, (_, routes)| all.merge(routes))
}

/// The document of these routes.
pub fn document(routes: OpenApiRouter<App>) -> utoipa::openapi::OpenApi {
    OpenApiRouter::with_openapi(base()).merge(routes).into_openapi()
}

/// What any operation with a body may answer.
#[derive(IntoResponses)]
pub enum BodyProblems {
    /// The body is not JSON, or a field is not as it must be.
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(ProblemBody),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody),
    /// The body is not announced as JSON, or is compressed.
    #[response(status = 415, content_type = "application/problem+json")]
    NotJson(ProblemBody),
}

/// What any operation that reads or writes the store may answer.
#[derive(IntoResponses)]
pub enum StoreProblems {
    /// Something went wrong on our side.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemBody),
    /// A service that this depends on does not answer; try again after `Retry-After` seconds.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

/// What any operation for somebody who is signed in may answer.
#[derive(IntoResponses)]
pub enum SignedInProblems {
    /// No access token, or none that is good.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody),
}

/// What any operation for one role may answer.
#[derive(IntoResponses)]
pub enum RoleProblems {
    /// No access token, or none that is good.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody),
    /// The caller has not the role for it.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
}

/// What any operation that changes an account may answer.
#[derive(IntoResponses)]
pub enum ChangeProblems {
    /// The account changed at the same moment; try again.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(ProblemBody),
}

/// What any operation whose use is limited may answer.
#[derive(IntoResponses)]
pub enum LimitProblems {
    /// Too often; try again after `Retry-After` seconds. `RateLimit` tells what is left.
    #[response(status = 429, content_type = "application/problem+json",
        headers(("Retry-After" = i64, description = "Seconds"),
                ("RateLimit" = String, description = "What is left, by draft-ietf-httpapi-ratelimit-headers"),
                ("RateLimit-Policy" = String, description = "What is allowed, by the same draft")))]
    TooMany(ProblemBody),
}

/// What any operation that takes an `Idempotency-Key` may answer.
#[derive(IntoResponses)]
pub enum IdempotencyProblems {
    /// A request with this key is being worked on.
    #[response(status = 409, content_type = "application/problem+json")]
    InProgress(ProblemBody),
    /// The key was used for another request.
    #[response(status = 422, content_type = "application/problem+json")]
    Reused(ProblemBody),
}

/// What any operation with parameters but without a body may answer.
#[derive(IntoResponses)]
pub enum ParameterProblems {
    /// A parameter is not as it must be.
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(ProblemBody),
}
