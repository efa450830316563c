//! Every area together.

use api::App;
use utoipa_axum::router::OpenApiRouter;

/// Every route of the service. In production each is a function of its own; here they are one
/// router, to be described and tested as one.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(auth::routes())
        .merge(me::routes())
        .merge(sitters::routes())
        .merge(uploads::routes())
        .merge(family::routes())
        .merge(vetting::routes())
        .merge(bookings::routes())
        .merge(payments::routes())
        .merge(admin::routes())
        .merge(system::routes())
}

/// The contract, as it is committed: `infra/openapi.json`.
pub fn document() -> String {
    let document = api::openapi::document(routes());
    let json = document.to_pretty_json();
    json.map(|text| text + "\n").unwrap_or_else(|error| unreachable!("the document is plain data: {error}"))
}
