//! A worker's own memory: who asked how much, and what belongs to the answer at hand.

use crate::counts::choices::Choices;
use crate::defence::rate_limit::Limiter;
use crate::wire::writer::{Known, NONE_KNOWN};

/// One a worker, since it is written for every packet.
#[derive(Debug)]
pub struct Guard {
    pub(crate) limiter: Limiter,
    pub(crate) choices: Choices,
    pub(crate) known: Known,
}

impl Guard {
    /// A guard that has seen nothing yet. `seed`: random, so that nobody can choose whose limits he shares. `threads`:
    /// how many share each rate limit.
    pub fn new(seed: u64, threads: usize) -> Self {
        Self { limiter: Limiter::new(seed, threads), choices: Choices::default(), known: NONE_KNOWN }
    }
}
