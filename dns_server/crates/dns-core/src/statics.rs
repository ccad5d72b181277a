//! The index that is made once per snapshot.

use std::sync::Arc;

use crate::counts::tally::Tallies;
use crate::defence::rate_limit::Limits;
use crate::steering::index::Steering;
use crate::zones::lookup::Zones;

/// Everything that depends on neither packet nor decision, laid ready for look-ups.
pub struct Static {
    pub(crate) zones: Zones,
    pub(crate) steering: Steering,
    /// None: nobody is limited.
    pub(crate) limits: Option<Limits>,
    pub(crate) tallies: Arc<Tallies>,
    /// Of an answer over UDP to a client without a valid cookie.
    pub(crate) max_nocookie_bytes: usize,
}

impl Static {
    /// What is counted of this snapshot; it outlives the snapshot until all of it is taken.
    pub fn tallies(&self) -> &Arc<Tallies> {
        &self.tallies
    }
}
