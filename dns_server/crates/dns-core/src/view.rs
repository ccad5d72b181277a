//! All that an answer depends on besides the packet.

use std::sync::Arc;

use crate::decision::Decision;
use crate::statics::Static;

/// A snapshot's index and the decision of the moment; immutable, swapped as a whole.
#[derive(Clone, Default)]
pub struct View {
    pub(crate) loaded: Option<(Arc<Static>, Arc<Decision>)>,
}

impl View {
    /// `decision` must have been loaded for `statics`.
    pub fn new(statics: Arc<Static>, decision: Arc<Decision>) -> Self {
        Self { loaded: Some((statics, decision)) }
    }

    /// Before there is a snapshot: SERVFAIL to everything.
    pub fn nothing() -> Self {
        Self::default()
    }
}
