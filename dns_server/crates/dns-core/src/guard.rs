//! A worker's memory of who asked how much.

use crate::rate_limit::Limiter;

/// One a worker, since it is written for every packet.
#[derive(Debug)]
pub struct Guard {
    pub(crate) limiter: Limiter,
}

impl Guard {
    /// A guard that has seen nothing yet. `seed`: random, so that nobody can choose whose limits he shares. `threads`:
    /// how many share each rate limit.
    pub fn new(seed: u64, threads: usize) -> Self {
        Self { limiter: Limiter::new(seed, threads) }
    }
}
