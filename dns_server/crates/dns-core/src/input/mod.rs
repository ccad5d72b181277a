//! What comes from outside as a snapshot or a decision, before anyone believes it: the messages, how much they may
//! hold, and why they are refused. Knows nothing of what is made from them.

pub mod error;
pub mod limits;
pub mod messages;
