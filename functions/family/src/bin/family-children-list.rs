//! See [`family::children_list`].

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), runtime::Error> {
    runtime::serve_http(family::children_list::routes()).await
}
