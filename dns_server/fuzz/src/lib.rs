//! What the fuzz targets share: a world to ask, questions, checks that a reply must pass, a bound on memory.

mod ask;
pub mod maps;
mod memory;
mod message;
mod reply;
mod world;

pub use ask::{answers, ask, ask_together, client, names};
pub use world::{World, split};
