//! From the bytes of a query to the bytes of its response.

use crate::buffer::ResponseBuf;
use crate::client::Client;
use crate::guard::Guard;
use crate::stats::{Reason, Stats};
use crate::view::View;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The message in the buffer goes back to the client.
    Reply,
    /// Nothing is sent.
    Drop,
}

/// Answer one packet into `out`, and count it.
///
/// `stats` is shared because others read it meanwhile; only one thread may answer with it.
pub fn answer(
    query: &[u8],
    client: &Client,
    view: &View,
    guard: &mut Guard,
    out: &mut ResponseBuf<'_>,
    stats: &Stats,
) -> Verdict {
    let _ = (view, guard);
    stats.received_bytes.add(query.len() as u64);
    let (Some(header), Some(target)) = (query.first_chunk::<12>(), out.bytes.first_chunk_mut::<12>()) else {
        stats.count_dropped(Reason::Short);
        return Verdict::Drop;
    };
    *target = [header[0], header[1], 0x80 | header[2] & 0x79, 5, 0, 0, 0, 0, 0, 0, 0, 0];
    out.len = 12;
    stats.count_query(client.transport, 0, 5);
    stats.sent_bytes.add(12);
    Verdict::Reply
}
