use api::{App, Problem, SignedIn};
use storage::data_keys::DataKey;

/// The caller's key; a 404 for somebody of whom nothing is sealed.
pub(crate) async fn existing(app: &App, caller: SignedIn) -> Result<DataKey, Problem> {
    app.tables().data_key(app.cipher()?, caller.user_id).await?.ok_or_else(Problem::not_found)
}
