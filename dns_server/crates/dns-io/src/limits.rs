//! What keeps one TCP client from harming others.

use std::time::Duration;

/// Of all connections together.
#[derive(Clone, Copy, Debug)]
pub struct TcpLimits {
    /// How long a client may be silent, or take to read its answers.
    pub idle: Duration,
    /// How long connections may go on after a hand-over, a fifth of it without a query.
    pub drain: Duration,
    /// Connections of one address.
    pub per_address: usize,
    /// Connections in all.
    pub total: usize,
    /// Queries of one connection answered in a row.
    pub per_turn: usize,
    /// Of unsent answers, above which nothing more is read.
    pub high_water_bytes: usize,
}
