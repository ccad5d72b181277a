//! Zones: from a name to the node and the plain records that answer it. Knows nothing of steering; a service is a
//! number here.

pub mod load;
pub mod lookup;
pub mod table;
