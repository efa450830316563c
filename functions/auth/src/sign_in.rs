//! The end of every sign-in, whether it took one step or two.

use api::{App, Problem, secrets::Secret};
use domain::session::{Client, Session};
use jiff::Timestamp;
use storage::{
    audit::{Action, Entry, Origin},
    sessions::Proof,
};

use crate::token_pair::TokenPair;

/// Begins a session with what somebody has proved themselves with.
pub(crate) async fn complete(
    app: &App,
    proof: Proof<'_>,
    client: Client,
    origin: Origin,
    now: Timestamp,
) -> Result<TokenPair, Problem> {
    let secret = Secret::generate();
    let credentials = proof.compared;
    let session = Session::start(credentials.user_id, credentials.role, secret.token(), client, now);
    let pair = TokenPair::issue(app, &session, secret, now).await?;
    let trail = Entry::by_self(credentials.user_id, Action::SignedIn, now, origin);
    app.tables().start_session(&session, proof, &trail).await?;
    Ok(pair)
}
