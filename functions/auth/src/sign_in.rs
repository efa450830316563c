//! The end of every sign-in, whether it took one step or two.

use api::{App, Problem, secrets::Secret};
use domain::{
    epoch::Epoch,
    session::{Client, Session},
};
use jiff::Timestamp;
use storage::{
    audit::{Action, Entry, Origin},
    sessions::Proof,
};

use crate::token_pair::TokenPair;

/// Begins a session in an epoch with what somebody has proved themselves with. Fails if it is not the user's
/// epoch any more.
pub(crate) async fn complete(
    app: &App,
    epoch: Epoch,
    proof: Proof<'_>,
    client: Client,
    origin: Origin,
    now: Timestamp,
) -> Result<TokenPair, Problem> {
    let secret = Secret::generate();
    let credentials = proof.compared;
    let session = Session::start(credentials.user_id, credentials.role, epoch, secret.token(), client, now);
    let pair = TokenPair::issue(app, &session, secret, now).await?;
    let trail = Entry::by_self(credentials.user_id, Action::SignedIn, now, origin);
    app.tables().start_session(&session, proof, &trail).await?;
    Ok(pair)
}
