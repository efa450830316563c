//! Every area together.

use api::{App, openapi::GATEWAY};
use serde_json::json;
use utoipa::openapi::{PathItem, path::Operation};
use utoipa_axum::router::OpenApiRouter;

/// Every function that answers requests, by its binary, and what it serves.
pub fn endpoints() -> Vec<(&'static str, OpenApiRouter<App>)> {
    let areas = [
        auth::endpoints(),
        me::endpoints(),
        sitters::endpoints(),
        uploads::endpoints(),
        family::endpoints(),
        vetting::endpoints(),
        bookings::endpoints(),
        payments::endpoints(),
        admin::endpoints(),
        system::endpoints(),
    ];
    areas.into_iter().flatten().collect()
}

/// Every route of the service. In production each is a function of its own; here they are one
/// router, to be described and tested as one.
pub fn routes() -> OpenApiRouter<App> {
    api::openapi::together(endpoints())
}

/// The contract, as it is committed: `infra/openapi.json`.
pub fn document() -> String {
    let mut document = api::openapi::document(routes());
    for item in document.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            if let Some(extensions) = &mut operation.extensions {
                extensions.remove(GATEWAY);
            }
        }
    }
    text(document.to_pretty_json())
}

/// What the gateway has to know of each operation, as JSON: its function, its method and path, and what its handler says
/// of the gateway.
pub fn gateway() -> String {
    let mut found = Vec::new();
    for (function, routes) in endpoints() {
        for (path, mut item) in api::openapi::document(routes).paths.paths {
            for (method, operation) in operations(&mut item) {
                let gateway = operation.extensions.as_ref().and_then(|extensions| extensions.get(GATEWAY));
                found.push(
                    json!({ "function": function, "method": method, "path": path, "gateway": gateway }),
                );
            }
        }
    }
    text(serde_json::to_string_pretty(&found))
}

/// The operations of a path by their methods, of those methods that we use.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [("get", get), ("put", put), ("post", post), ("delete", delete), ("patch", patch)]
        .into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn text(json: serde_json::Result<String>) -> String {
    json.map(|text| text + "\n").unwrap_or_else(|error| unreachable!("the document is plain data: {error}"))
}
