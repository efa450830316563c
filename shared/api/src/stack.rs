use std::time::Instant;

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowOrigin, CorsLayer},
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    App, Problem, RequestMeta,
    extract::MAX_BODY_BYTES,
    idempotency::IDEMPOTENT_REPLAYED,
    limits::{RATE_LIMIT, RATE_LIMIT_POLICY, Report},
};

/// The stack around an area's routes. It is compiled here, once, and not in every binary: the router
/// boxes its handlers before the layers come around them.
pub fn service(routes: OpenApiRouter<App>, app: App) -> Router {
    let (router, _) = routes.split_for_parts();
    let cors = cors(&app.settings().allowed_origins);
    router
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || {
            let detail = "This method is not for this path.";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(CatchPanicLayer::custom(|_| Problem::internal().into_response()))
        .layer(middleware::from_fn(finish))
        .layer(cors)
        .with_state(app)
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static("idempotency-key"),
        ])
        .expose_headers([
            header::ETAG,
            header::RETRY_AFTER,
            X_REQUEST_ID,
            RATE_LIMIT,
            RATE_LIMIT_POLICY,
            IDEMPOTENT_REPLAYED,
        ])
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// On every answer, also on errors. The gateway sends the same ones with what it answers itself.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 7] = [
    (
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=63072000; includeSubDomains; preload"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // Data is never a page; a page brings its own policy.
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    ),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-site")),
    // Whatever says nothing else may be personal.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Names the request, writes the bodies of problems, adds the headers, and logs one line, with
/// identifiers and figures only.
async fn finish(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let request_id =
        request.extensions().get::<RequestMeta>().map(|meta| meta.request_id.clone()).unwrap_or_default();
    let limits = Report::default();
    request.extensions_mut().insert(limits.clone());

    let mut response = next.run(request).await;
    let mut code = None;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let body = problem.body(request_id.clone());
        code = Some(body.code);
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        response = Response::from_parts(parts, bytes.into());
    }
    let headers = response.headers_mut();
    limits.write(headers);
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(value);
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(X_REQUEST_ID, value);
    }
    tracing::info!(
        request_id,
        %method,
        route = route.as_deref().unwrap_or("none"),
        status = response.status().as_u16(),
        code,
        latency_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "request"
    );
    response
}
