//! Who gets which: cohort tables by weighted rendezvous, the same as those of `gslb/core/steering/cohorts.py`.

use crate::error::Invalid;

/// Cohorts that clients fall into.
pub const COHORTS: usize = 4096;

/// Makes cohort tables; remembers what is the same from decision to decision.
pub struct Tables {}

impl Tables {
    /// `costs`: -ln U of every stratum in units of 2^-24, as Python rounds them, [`COHORTS`] many.
    pub fn new(costs: Vec<u32>) -> Result<Self, Invalid> {
        if costs.len() != COHORTS {
            return Err(Invalid::Content("there must be one cost a cohort"));
        }
        Ok(Self {})
    }
}
