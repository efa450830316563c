//! The same on a runtime of one thread, which the product's functions use: a stricter measure.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    baseline::get_item().await
}
