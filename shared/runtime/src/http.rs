use api::{App, RequestMeta};
use lambda_http::{Request, RequestExt, request::RequestContext, tower::ServiceBuilder};
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

/// Puts what the gateway says of the request where the stack finds it.
fn with_meta(mut request: Request) -> Request {
    let meta = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => {
            meta(context.request_id.as_deref(), context.identity.source_ip.as_deref())
        }
        Some(RequestContext::ApiGatewayV2(context)) => {
            meta(context.request_id.as_deref(), context.http.source_ip.as_deref())
        }
        _ => RequestMeta::default(),
    };
    request.extensions_mut().insert(meta);
    request
}

fn meta(request_id: Option<&str>, source_ip: Option<&str>) -> RequestMeta {
    RequestMeta {
        request_id: request_id.unwrap_or_default().to_owned(),
        source_ip: source_ip.and_then(|ip| ip.parse().ok()),
        // The extractor reads it, from the header.
        user_agent: None,
    }
}
