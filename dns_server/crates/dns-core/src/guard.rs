//! A worker's memory of who asked how much: the seam for rate limits and cookies.

/// One a worker, since it is written for every packet.
#[derive(Debug, Default)]
pub struct Guard {}

impl Guard {
    /// A guard that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}
