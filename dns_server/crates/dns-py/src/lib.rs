//! The Python module `dns_server._native`: a thin door to `dns-core` and `dns-io`, and the only crate that knows Python.

use pyo3::prelude::*;

/// The native engine.
#[pymodule(gil_used = true)]
mod _native {
    use super::*;

    /// The version this module was built from.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
