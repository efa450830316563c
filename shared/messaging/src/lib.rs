//! What leaves a request: messages on queues, and mail.

pub mod email;
pub mod queue;
pub mod template;
