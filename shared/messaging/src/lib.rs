//! What leaves a request: messages on queues, mail and texts.

pub mod backoff;
pub mod email;
pub mod messages;
pub mod queue;
pub mod sms;
pub mod template;
pub mod topic;
