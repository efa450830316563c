//! `GET /docs`: a page for people, to read the contract and to try calls from.
//!
//! It is Swagger UI in one answer: style and script stand in the page, and its policy names them by
//! their hashes, so that nothing else runs there and nothing is fetched from elsewhere.

use std::sync::{Arc, LazyLock};

use api::App;
use axum::{
    http::header,
    response::{Html, IntoResponse},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::Config;

/// Relative to the page, so that it is right behind every stage.
const START: &str = r##"SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  tryItOutEnabled: true,
  presets: [SwaggerUIBundle.presets.apis],
});"##;

static PAGE: LazyLock<(String, String)> = LazyLock::new(|| {
    let (style, script) = (asset("swagger-ui.css"), asset("swagger-ui-bundle.js"));
    // The bundle may hold what ends a script; HTML has no other way to say it.
    let script = script.replace("</script", "<\\/script");
    let policy = format!(
        "default-src 'none'; script-src {} {}; style-src 'unsafe-inline'; img-src data: https:; font-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(&script),
        hash(START),
    );
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>NannyRadar API</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{style}</style></head>\
         <body><div id=\"page\"></div><script>{script}</script><script>{START}</script></body></html>"
    );
    (page, policy)
});

fn asset(name: &str) -> String {
    let file = utoipa_swagger_ui::serve(name, Arc::new(Config::default())).ok().flatten();
    file.map(|file| String::from_utf8_lossy(&file.bytes).into_owned()).unwrap_or_default()
}

fn hash(script: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(script)))
}

/// Shows the page.
#[utoipa::path(
    get, path = "/docs", operation_id = "get_docs", tag = "Operations",
    responses((status = 200, description = "A page", body = String, content_type = "text/html")),
)]
async fn get_docs() -> impl IntoResponse {
    let (page, policy) = &*PAGE;
    let headers =
        [(header::CONTENT_SECURITY_POLICY, policy.as_str()), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, Html(page.as_str()))
}

/// The route of this endpoint.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_docs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_whole() {
        let (page, policy) = &*PAGE;
        assert!(page.contains("SwaggerUIBundle") && page.len() > 1_000_000);
        assert_eq!(page.matches("</script>").count(), 2);
        assert_eq!(policy.matches("sha256-").count(), 2);
    }
}
