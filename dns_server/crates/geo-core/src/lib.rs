//! Address spaces cut into millions of ranges: read from a geo database, laid over each other, written for a snapshot.
//!
//! `gslb/core/classes/ranges.py`, `gslb/geo/tree.py` and `gslb/codec/ranges.py` are the specification: this crate says
//! the same, faster and in less memory. It runs when a configuration is applied, never for a query. No files, no Python.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod data;
mod overlay;
mod pieces;
mod ranges;
mod tree;

pub use data::{Damaged, Data, Step, Value};
pub use overlay::{coarsened, paired};
pub use pieces::{Loading, Piece, pieces};
pub use ranges::{Invalid, Ranges};
pub use tree::{Circles, Tree};
