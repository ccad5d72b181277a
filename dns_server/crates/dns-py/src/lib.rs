//! The Python module `dns_server._native`: a thin door to `dns-core`, `dns-io` and `geo-core`, and the only crate that
//! knows Python.
//!
//! What `_native.pyi` says is what Python sees. Slow work lets other Python threads run.

mod answerer;
mod geo;
mod loading;
mod server;

use dns_io::LargePages;
use pyo3::prelude::*;

#[global_allocator]
static ALLOCATOR: LargePages = LargePages;

/// The native engine.
#[pymodule(gil_used = true)]
mod _native {
    #[pymodule_export]
    use crate::answerer::Answerer;
    #[pymodule_export]
    use crate::geo::{Column, Finder, Ranges, cut_tree, load_ranges};
    #[pymodule_export]
    use crate::loading::{Decision, Static, Tables, Tallies};
    #[pymodule_export]
    use crate::server::Server;

    use super::*;

    /// The version this module was built from.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
