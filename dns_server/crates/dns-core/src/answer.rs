//! From the bytes of a query to the bytes of its response.

use crate::buffer::{MAX_TCP_BYTES, MAX_UDP_BYTES, ResponseBuf};
use crate::choices::Choices;
use crate::client::{Client, Transport};
use crate::cookies::{Outcome, Shown, check};
use crate::explanation::Explanation;
use crate::guard::Guard;
use crate::options::{Options, parse_options};
use crate::query::{Query, Refusal, parse};
use crate::rate_limit::{Action, Asked};
use crate::records::{IN, Rcode, is_transfer, is_unaskable};
use crate::resolve::resolve;
use crate::stats::{Reason, Stats};
use crate::view::View;
use crate::writer::{Summary, Told, Writer};

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
    let Prelude { options, shown, early } = prelude(query, client, view, stats);
    let told = Told {
        subnet: options.subnet,
        nsid: if options.wants_nsid { &view.identity.nsid } else { &[] },
        cookie: shown.as_ref().map(|shown| &shown.reply),
    };
    let mut lower = [0; 256];
    let name = match lower.get_mut(..query.spelling.len()) {
        Some(name) => {
            name.copy_from_slice(query.spelling);
            name.make_ascii_lowercase(); // length octets are below the letters
            &*name
        }
        None => query.spelling,
    };
    let choices = Choices::default();
    let has_cookie = shown.is_some_and(|shown| shown.outcome == Outcome::Valid);
    let mut limit = size_limit(query, client.transport);
    if let Some((statics, _)) = &view.loaded
        && client.transport == Transport::Udp
        && !has_cookie
    {
        limit = limit.min(statics.max_nocookie_bytes); // it might be somebody's victim
    }
    let mut writer = Writer::new(out, query, name, told, limit);
    let summary = match early {
        Some(summary) => summary,
        None => match &view.loaded {
            Some(loaded) => resolve(query, name, client, options.subnet.as_ref(), loaded, &choices, &mut writer),
            None => Summary::explained(Rcode::ServFail, Explanation::NotReady),
        },
    };
    let has_cookie = shown.is_some_and(|shown| shown.outcome == Outcome::Valid);
    let asked = (!query.question.is_empty()).then_some((query, name, options.subnet.as_ref()));
    let restrained = if has_cookie { None } else { restrain(guard, client, view, &summary, asked, stats) };
    match restrained {
        None => count_choices(&choices, client, view, stats),
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

/// Answers by service, of a worker that counts them.
#[inline]
fn count_choices(choices: &Choices, client: &Client, view: &View, stats: &Stats) {
    if let (Some(worker), Some((statics, _))) = (stats.worker, &view.loaded) {
        choices.count(&statics.tallies, worker, client.queries);
    }
}

/// What is known of a query before its name is looked up.
#[derive(Default)]
struct Prelude<'p> {
    options: Options<'p>,
    /// What became of its cookie.
    shown: Option<Shown>,
    /// The answer, where no name is looked up at all.
    early: Option<Summary>,
}

#[inline]
fn prelude<'p>(query: &Query<'p>, client: &Client, view: &View, stats: &Stats) -> Prelude<'p> {
    let mut prelude = Prelude::default();
    if let Some(edns) = query.edns {
        if edns.version > 0 {
            return Prelude { early: Some(Summary::of(Rcode::BadVers)), ..prelude };
        }
        match parse_options(edns.options) {
            Ok(options) => prelude.options = options,
            Err(reason) => {
                stats.count_malformed(reason);
                return Prelude { early: Some(Summary::of(Rcode::FormErr)), ..prelude };
            }
        }
        if let Some(cookie) = prelude.options.cookie {
            prelude.shown = check(&cookie, client, &view.identity.secrets);
        }
        if let Some(shown) = &prelude.shown {
            stats.count_cookie(shown.outcome);
        }
    }
    prelude.early = if query.question.is_empty() {
        Some(without_question(prelude.shown.as_ref(), stats))
    } else if query.rrclass != IN || is_transfer(query.rrtype) {
        Some(Summary::explained(Rcode::Refused, Explanation::NotSupported))
    } else if is_unaskable(query.rrtype) {
        Some(Summary::explained(Rcode::NotImp, Explanation::NotSupported))
    } else {
        None
    };
    prelude
}

/// The client asks whether its cookie is good, or for a new one (RFC 7873 5.4).
#[cold]
fn without_question(shown: Option<&Shown>, stats: &Stats) -> Summary {
    Summary::of(match shown.map(|shown| shown.outcome) {
        Some(Outcome::Invalid) => Rcode::BadCookie,
        Some(_) => Rcode::NoError,
        None => {
            stats.count_malformed(Reason::QuestionCount);
            Rcode::FormErr
        }
    })
}

/// Most octets of a response (RFC 6891 6.2.3, RFC 9715).
fn size_limit(query: &Query<'_>, transport: Transport) -> usize {
    match (transport, query.edns) {
        (Transport::Tcp, _) => MAX_TCP_BYTES,
        (Transport::Udp, Some(edns)) => usize::from(edns.size).clamp(PLAIN_UDP_BYTES, MAX_UDP_BYTES),
        (Transport::Udp, None) => PLAIN_UDP_BYTES,
    }
}
