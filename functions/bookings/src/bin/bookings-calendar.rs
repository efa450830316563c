//! See [`bookings::calendar`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(bookings::calendar::routes()).await
}
