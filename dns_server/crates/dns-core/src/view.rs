//! All that an answer depends on besides the packet.

use std::sync::Arc;

use crate::defence::identity::Identity;
use crate::statics::Static;
use crate::steering::decision::Decision;

/// A snapshot's index, and a decision made for it.
pub type Loaded = (Arc<Static>, Arc<Decision>);

/// A snapshot's index, the decision of the moment and who answers; immutable, swapped as a whole.
#[derive(Clone, Default)]
pub struct View {
    pub(crate) loaded: Option<Loaded>,
    pub(crate) identity: Arc<Identity>,
}

impl View {
    /// `decision` must have been loaded for `statics`. The server that answers with it tells nothing of itself.
    pub fn new(statics: Arc<Static>, decision: Arc<Decision>) -> Self {
        Self { loaded: Some((statics, decision)), identity: Arc::default() }
    }

    /// The same, answered with by this server.
    #[must_use]
    pub fn with_identity(self, identity: Arc<Identity>) -> Self {
        Self { identity, ..self }
    }

    /// Make what a worker will count into, so that it does not have to.
    pub fn lay_ready(&self, worker: usize) {
        if let Some((statics, _)) = &self.loaded {
            statics.tallies.lay_ready(worker);
        }
    }

    /// Before there is a snapshot: SERVFAIL to everything.
    pub fn nothing() -> Self {
        Self::default()
    }
}
