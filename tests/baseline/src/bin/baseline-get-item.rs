//! A bare `lambda_http` function that reads one item, on the runtime that the documentation shows.

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    baseline::get_item().await
}
