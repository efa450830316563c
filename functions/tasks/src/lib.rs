//! Work that no client waits for.

pub mod email_send;
pub mod outbox_relay;
pub mod retention_cleanup;
pub mod token_keys_rotate;
