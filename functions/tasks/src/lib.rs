//! Work that no client waits for.

pub mod admin_create;
pub mod analytics_count;
pub mod booking_follow_up;
pub mod call_off;
pub mod credential_expiry;
pub mod email_send;
pub mod outbox_relay;
pub mod outbox_replay;
pub mod retention_cleanup;
pub mod safety_alert;
pub mod search_index;
pub mod search_reindex;
pub mod similar_sitters;
pub mod sms_send;
pub mod token_keys_rotate;

#[cfg(test)]
mod test_people;
