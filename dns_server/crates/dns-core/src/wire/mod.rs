//! DNS messages as bytes: names, queries as strangers send them, responses in the making. Knows nothing of zones, of
//! steering, or of what becomes of a client.

pub mod buffer;
pub mod client;
pub mod explanation;
pub mod names;
pub mod options;
pub mod query;
pub mod reason;
pub mod records;
pub mod summary;
pub mod told;
pub mod tsig;
pub mod writer;
