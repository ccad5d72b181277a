//! Steering: from a client and a service to members, by the snapshot's index and the decision of the moment. Knows
//! nothing of zones, of rate limits, or of how an answer is written.

pub mod classes;
pub mod decision;
pub mod family;
pub mod index;
pub mod lanes;
pub mod pools;
pub mod row;
pub mod services;
pub mod slots;
pub mod source;
pub mod tables;
pub mod trust;
pub mod vector;
