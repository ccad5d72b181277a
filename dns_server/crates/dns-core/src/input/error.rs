//! Why a snapshot or a decision cannot be served.

use thiserror::Error;

/// What came from outside is not what it must be; what served before goes on serving.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Invalid {
    /// Not the protobuf message that it should be.
    #[error("the {0} cannot be read")]
    Unreadable(&'static str),
    /// A message that contradicts itself or what it refers to.
    #[error("{0}")]
    Content(&'static str),
}
