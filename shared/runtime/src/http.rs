use api::{App, RequestMeta};
use lambda_http::{Request, RequestExt, http::Uri, request::RequestContext, tower::ServiceBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::{Error, log};

/// Serves routes behind a REST API, an HTTP API or a function's own URL.
pub async fn serve_http(routes: OpenApiRouter<App>) -> Result<(), Error> {
    log::init();
    let app = App::from_env().inspect_err(|error| tracing::error!(%error, "the function cannot start"))?;
    lambda_http::run(ServiceBuilder::new().map_request(with_meta).service(api::service(routes, app))).await
}

/// Serves routes that sign access tokens. Does not start without the keys: there is no default.
pub async fn serve_signing_http(routes: OpenApiRouter<App>) -> Result<(), Error> {
    log::init();
    config::required("TOKEN_SIGNING_SECRET_ARN")
        .inspect_err(|error| tracing::error!(%error, "the function cannot start"))?;
    serve_http(routes).await
}

/// Puts what the gateway says of the request where the stack finds it, and routes by the path of the API.
fn with_meta(mut request: Request) -> Request {
    let mut uri = None;
    let meta = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => {
            uri = context.stage.as_deref().and_then(|stage| without_stage(request.uri(), stage));
            meta(context.request_id.as_deref(), context.identity.source_ip.as_deref())
        }
        Some(RequestContext::ApiGatewayV2(context)) => {
            meta(context.request_id.as_deref(), context.http.source_ip.as_deref())
        }
        _ => RequestMeta::default(),
    };
    if let Some(uri) = uri {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().insert(meta);
    request
}

/// Behind a domain of our own, the path of an event begins with the base path, which has the name of the stage; behind
/// the gateway's address it does not. No route begins with the name of a stage.
fn without_stage(uri: &Uri, stage: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix('/')?.strip_prefix(stage)?;
    let route = Some(rest).filter(|rest| rest.starts_with('/'))?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(route.parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn meta(request_id: Option<&str>, source_ip: Option<&str>) -> RequestMeta {
    RequestMeta {
        request_id: request_id.unwrap_or_default().to_owned(),
        source_ip: source_ip.and_then(|ip| ip.parse().ok()),
        // The extractor reads it, from the header.
        user_agent: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_is_no_part_of_the_route() {
        let found = |uri: &str| without_stage(&uri.parse().unwrap(), "v1").map(|uri| uri.to_string());
        let whole = "https://api.nannyradar.example/v1/sitters?limit=2&cursor=%2F";
        assert_eq!(
            found(whole).as_deref(),
            Some("https://api.nannyradar.example/sitters?limit=2&cursor=%2F")
        );
        assert_eq!(found("/v1/health").as_deref(), Some("/health"));
        for other in ["/health", "/v10/health", "/v1", "/sitters/v1/reviews", "/"] {
            assert_eq!(found(other), None, "{other}");
        }
    }
}
