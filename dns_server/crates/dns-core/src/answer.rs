//! From the bytes of a query to the bytes of its response.

use crate::buffer::{MAX_TCP_BYTES, MAX_UDP_BYTES, ResponseBuf};
use crate::client::{Client, Transport};
use crate::guard::Guard;
use crate::query::{Query, Refusal, Subnet, client_subnet, parse};
use crate::rate_limit::{Action, Asked};
use crate::records::{IN, Rcode, is_transfer, is_unaskable};
use crate::resolve::resolve;
use crate::stats::{Reason, Stats};
use crate::view::View;
use crate::writer::{Summary, Writer};

const PLAIN_UDP_BYTES: usize = 512;

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
    stats.received_bytes.add(query.len() as u64);
    out.len = 0;
    let (rcode, reason) = match parse(query) {
        Ok(parsed) => return answer_parsed(&parsed, client, view, guard, out, stats),
        Err(Refusal::Drop(reason)) => return drop_it(reason, out, stats),
        Err(Refusal::FormErr(reason)) => (Rcode::FormErr, reason),
        Err(Refusal::NotImp(reason)) => (Rcode::NotImp, reason),
    };
    stats.count_malformed(reason);
    refuse(query, client, rcode, view, guard, out, stats)
}

fn drop_it(reason: Reason, out: &mut ResponseBuf<'_>, stats: &Stats) -> Verdict {
    out.len = 0;
    stats.count_dropped(reason);
    Verdict::Drop
}

/// A header alone, for a packet whose question cannot be told: id, opcode and RD are the packet's.
fn refuse(
    packet: &[u8],
    client: &Client,
    rcode: Rcode,
    view: &View,
    guard: &mut Guard,
    out: &mut ResponseBuf<'_>,
    stats: &Stats,
) -> Verdict {
    let summary = Summary { rcode, is_authoritative: false, scope: 0 };
    let restrained = restrain(guard, client, view, &summary, None, stats);
    if restrained == Some(Action::Dropped) {
        return drop_it(Reason::RateLimit, out, stats);
    }
    let truncated = if restrained.is_some() { 2 } else { 0 };
    if let (Some(&[id0, id1, flags]), Some(header)) = (packet.first_chunk::<3>(), out.bytes.first_chunk_mut::<12>()) {
        *header = [id0, id1, 0x80 | flags & 0x79 | truncated, rcode as u8, 0, 0, 0, 0, 0, 0, 0, 0];
        out.len = header.len();
    }
    stats.count_query(client.transport, 0, rcode as u16);
    stats.truncated.add(u64::from(restrained.is_some()));
    stats.sent_bytes.add(out.len() as u64);
    Verdict::Reply
}

/// What to do with a response that is one too many; counted.
#[inline]
fn restrain(
    guard: &mut Guard,
    client: &Client,
    view: &View,
    summary: &Summary,
    asked: Option<Asked<'_>>,
    stats: &Stats,
) -> Option<Action> {
    let (limit, action) = guard.limiter.restrain(client, view, summary, asked)?;
    stats.count_limited(limit, action);
    Some(action)
}

#[inline]
fn answer_parsed(
    query: &Query<'_>,
    client: &Client,
    view: &View,
    guard: &mut Guard,
    out: &mut ResponseBuf<'_>,
    stats: &Stats,
) -> Verdict {
    let (subnet, early) = prelude(query, stats);
    let mut lower = [0; 256];
    let name = match lower.get_mut(..query.spelling.len()) {
        Some(name) => {
            name.copy_from_slice(query.spelling);
            name.make_ascii_lowercase(); // length octets are below the letters
            &*name
        }
        None => query.spelling,
    };
    let mut writer = Writer::new(out, query, name, subnet, size_limit(query, client.transport));
    let summary = match early {
        Some(rcode) => Summary { rcode, is_authoritative: false, scope: 0 },
        None => match &view.loaded {
            Some((statics, decision)) => resolve(query, name, client, subnet.as_ref(), statics, decision, &mut writer),
            None => Summary { rcode: Rcode::ServFail, is_authoritative: false, scope: 0 },
        },
    };
    match restrain(guard, client, view, &summary, Some((query, name, subnet.as_ref())), stats) {
        None => {}
        Some(Action::Slipped) => writer.cut(),
        Some(Action::Dropped) => return drop_it(Reason::RateLimit, out, stats),
    }
    let is_truncated = writer.finish(summary);
    stats.count_query(client.transport, query.rrtype, summary.rcode as u16);
    stats.truncated.add(u64::from(is_truncated));
    stats.ecs.add(u64::from(subnet.is_some()));
    stats.sent_bytes.add(out.len() as u64);
    Verdict::Reply
}

/// The ECS option, and the rcode of a query that is not looked up at all.
#[inline]
fn prelude<'p>(query: &Query<'p>, stats: &Stats) -> (Option<Subnet<'p>>, Option<Rcode>) {
    let mut subnet = None;
    if let Some(edns) = query.edns {
        if edns.version > 0 {
            return (None, Some(Rcode::BadVers));
        }
        match client_subnet(edns.options) {
            Ok(found) => subnet = found,
            Err(reason) => {
                stats.count_malformed(reason);
                return (None, Some(Rcode::FormErr));
            }
        }
    }
    let early = if query.rrclass != IN || is_transfer(query.rrtype) {
        Some(Rcode::Refused)
    } else if is_unaskable(query.rrtype) {
        Some(Rcode::NotImp)
    } else {
        None
    };
    (subnet, early)
}

/// Most octets of a response (RFC 6891 6.2.3, RFC 9715).
fn size_limit(query: &Query<'_>, transport: Transport) -> usize {
    match (transport, query.edns) {
        (Transport::Tcp, _) => MAX_TCP_BYTES,
        (Transport::Udp, Some(edns)) => usize::from(edns.size).clamp(PLAIN_UDP_BYTES, MAX_UDP_BYTES),
        (Transport::Udp, None) => PLAIN_UDP_BYTES,
    }
}
