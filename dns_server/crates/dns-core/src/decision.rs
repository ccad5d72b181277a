//! What `decide` concluded, laid ready for look-ups.

use crate::error::Invalid;
use crate::statics::Static;
use crate::tables::Tables;

/// Which pools share each class of each service, and how members share each pool.
pub struct Decision {}

impl Decision {
    /// Load an `EngineDecision` for the snapshot it was made from. One that is a difference needs the decision
    /// `before` it, from the same snapshot.
    pub fn load(
        message: &[u8],
        statics: &Static,
        before: Option<&Decision>,
        tables: &mut Tables,
    ) -> Result<Self, Invalid> {
        let _ = (message, statics, before, tables);
        Ok(Self {})
    }
}
