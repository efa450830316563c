//! See [`bookings::cancel`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(bookings::cancel::routes()).await
}
