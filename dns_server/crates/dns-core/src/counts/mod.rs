//! Counters: each written by one worker without locks, read by anyone without stopping him. Knows what happened, not
//! why.

pub mod choices;
pub mod demand;
pub mod stats;
pub mod tally;
