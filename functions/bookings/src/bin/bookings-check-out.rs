//! See [`bookings::check_out`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(bookings::check_out::routes()).await
}
