//! From the bytes of a query to the bytes of its response.

use crate::counts::choices::Choices;
use crate::counts::stats::Stats;
use crate::defence::cookies::{Outcome, check};
use crate::defence::rate_limit::{Action, Asked};
use crate::guard::Guard;
use crate::resolve::resolve;
use crate::view::View;
use crate::wire::buffer::{MAX_TCP_BYTES, MAX_UDP_BYTES, ResponseBuf};
use crate::wire::client::{Client, Transport};
use crate::wire::explanation::Explanation;
use crate::wire::options::{Options, parse_options};
use crate::wire::query::{Query, Refusal, parse};
use crate::wire::reason::Reason;
use crate::wire::records::{IN, Rcode, is_transfer, is_unaskable};
use crate::wire::summary::Summary;
use crate::wire::told::{Rare, Told};
use crate::wire::writer::Writer;

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
    let summary = Summary::of(rcode);
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
    let (statics, _) = view.loaded.as_ref()?;
    let limits = statics.limits.as_ref()?;
    let (limit, action) = guard.limiter.restrain(client, limits, &statics.zones, summary, asked)?;
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
    let mut options = Options::default();
    let malformed = read_options(query, &mut options, stats);
    let (mut rare, outcome) = match options.has_rare() {
        true => told_rarely(&options, client, view, stats),
        false => (None, None),
    };
    let subnet = options.subnet.map(|subnet| subnet.data);
    let limit = size_limit(query, client, view, outcome);
    if let Some(rare) = &mut rare {
        rare.fit(query, subnet, limit);
    }
    let told = Told { subnet, rare: rare.as_ref() };
    let mut lower = [0; 256];
    let name = match lower.get_mut(..query.spelling.len()) {
        Some(name) => {
            name.copy_from_slice(query.spelling);
            name.make_ascii_lowercase(); // length octets are below the letters
            &*name
        }
        None => query.spelling,
    };
    guard.choices.clear();
    let mut writer = Writer::new(out, query, name, told, limit);
    let summary = match malformed.or_else(|| settled(query, outcome, stats)) {
        Some(summary) => summary,
        None => match &view.loaded {
            Some(loaded) => resolve(query, name, client, options.subnet.as_ref(), loaded, &guard.choices, &mut writer),
            None => Summary::explained(Rcode::ServFail, Explanation::NotReady),
        },
    };
    let asked = (!query.question.is_empty()).then_some((query, name, options.subnet.as_ref()));
    let is_known = outcome == Some(Outcome::Valid);
    let restrained = if is_known { None } else { restrain(guard, client, view, &summary, asked, stats) };
    match restrained {
        None => count_choices(&guard.choices, client, view, stats),
        Some(Action::Slipped) => writer.cut(),
        Some(Action::Dropped) => return drop_it(Reason::RateLimit, out, stats),
    }
    let is_truncated = writer.finish(summary);
    stats.count_query(client.transport, query.rrtype, summary.rcode as u16);
    stats.truncated.add(u64::from(is_truncated));
    stats.ecs.add(u64::from(options.subnet.is_some()));
    stats.sent_bytes.add(out.len() as u64);
    Verdict::Reply
}

/// What only those are told who ask for it, and what became of the client's cookie.
#[cold]
#[inline(never)]
fn told_rarely<'v>(
    options: &Options<'_>,
    client: &Client,
    view: &'v View,
    stats: &Stats,
) -> (Option<Rare<'v>>, Option<Outcome>) {
    let shown = options.cookie.and_then(|cookie| check(&cookie, client, &view.identity.secrets));
    if let Some(shown) = &shown {
        stats.count_cookie(shown.outcome);
    }
    let nsid = if options.wants_nsid { view.identity.nsid.as_slice() } else { &[] };
    let rare = Rare { nsid, cookie: shown.as_ref().map(|shown| shown.reply) };
    (Some(rare), shown.map(|shown| shown.outcome))
}

/// Answers by service, of a worker that counts them.
#[inline]
fn count_choices(choices: &Choices, client: &Client, view: &View, stats: &Stats) {
    if let (Some(worker), Some((statics, _))) = (stats.worker, &view.loaded) {
        choices.count(&statics.tallies, worker, client.queries);
    }
}

/// What the query is answered without regard to its options, if they cannot be read.
#[inline]
fn read_options<'p>(query: &Query<'p>, options: &mut Options<'p>, stats: &Stats) -> Option<Summary> {
    let edns = query.edns?;
    if edns.version > 0 {
        return Some(Summary::of(Rcode::BadVers));
    }
    let reason = parse_options(edns.options, options).err()?;
    stats.count_malformed(reason);
    *options = Options::default();
    Some(Summary::of(Rcode::FormErr))
}

/// The answer, where no name is looked up at all. `outcome`: what became of the client's cookie.
#[inline]
fn settled(query: &Query<'_>, outcome: Option<Outcome>, stats: &Stats) -> Option<Summary> {
    if query.signed.is_some() {
        Some(Summary::of(Rcode::NotAuth)) // no key is known (RFC 8945 5.2.1)
    } else if query.question.is_empty() {
        Some(without_question(outcome, stats))
    } else if query.rrclass != IN || is_transfer(query.rrtype) {
        Some(Summary::explained(Rcode::Refused, Explanation::NotSupported))
    } else if is_unaskable(query.rrtype) {
        Some(Summary::explained(Rcode::NotImp, Explanation::NotSupported))
    } else {
        None
    }
}

/// The client asks whether its cookie is good, or for a new one (RFC 7873 5.4).
#[cold]
fn without_question(outcome: Option<Outcome>, stats: &Stats) -> Summary {
    Summary::of(match outcome {
        Some(Outcome::Invalid) => Rcode::BadCookie,
        Some(_) => Rcode::NoError,
        None => {
            stats.count_malformed(Reason::QuestionCount);
            Rcode::FormErr
        }
    })
}

/// Most octets of a response (RFC 6891 6.2.3, RFC 9715). A client that might be somebody else's victim gets little
/// over UDP.
#[inline]
fn size_limit(query: &Query<'_>, client: &Client, view: &View, outcome: Option<Outcome>) -> usize {
    let limit = match (client.transport, query.edns) {
        (Transport::Tcp, _) => return MAX_TCP_BYTES,
        (Transport::Udp, Some(edns)) => usize::from(edns.size).clamp(PLAIN_UDP_BYTES, MAX_UDP_BYTES),
        (Transport::Udp, None) => PLAIN_UDP_BYTES,
    };
    match &view.loaded {
        Some((statics, _)) if outcome != Some(Outcome::Valid) => limit.min(statics.max_nocookie_bytes),
        _ => limit,
    }
}
