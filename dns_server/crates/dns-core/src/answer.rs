//! From the bytes of queries to the bytes of their responses, in three steps: parse what is asked, locate where that leads,
//! compose what is answered.
//!
//! Packets that come together take each step together, so that locating, which is mostly waiting for memory, waits for all
//! of them at once (`way`). A packet that comes alone is a group of one.

use std::slice;

use crate::asked::{Asked, NameBuf};
use crate::counts::choices::Choices;
use crate::counts::stats::Stats;
use crate::defence::cookies::{Outcome, check};
use crate::defence::rate_limit::{Action, Limiter, Subject};
use crate::guard::Guard;
use crate::resolve::resolve;
use crate::steering::source::Source;
use crate::view::View;
use crate::way::Way;
use crate::wire::buffer::{MAX_TCP_BYTES, MAX_UDP_BYTES, ResponseBuf};
use crate::wire::client::{Client, Transport};
use crate::wire::explanation::Explanation;
use crate::wire::options::Options;
use crate::wire::query::{Query, Refusal};
use crate::wire::reason::Reason;
use crate::wire::records::Rcode;
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
    packet: &[u8],
    client: &Client,
    view: &View,
    guard: &mut Guard,
    out: &mut ResponseBuf<'_>,
    stats: &Stats,
) -> Verdict {
    let (mut name, mut alone) = (NameBuf::default(), Asked::NOTHING);
    alone.parse(packet, *client, &mut name);
    locate(slice::from_mut(&mut alone), view, stats);
    compose(&alone, view, guard, out, stats)
}

/// Look up where the names lead that a group of packets asks for.
pub fn locate<'v>(group: &mut [Asked<'_, 'v>], view: &'v View, stats: &Stats) {
    let Some((statics, _)) = &view.loaded else { return };
    for Asked { way, client, options, .. } in group.iter_mut() {
        if let Some(way) = way {
            way.source = Source::of(client.address, options.subnet.as_ref(), &statics.steering.trust);
        }
    }
    each(group, |way| way.hash(statics));
    each(group, |way| way.guess_node(statics));
    each(group, |way| way.guess_service(statics));
    each(group, |way| way.guess_place(statics));
    each(group, |way| way.guess_range(statics));
    each(group, |way| way.guess_class(statics));
    if let Some(worker) = stats.worker {
        each(group, |way| way.guess_count(statics, worker));
    }
    each(group, |way| way.find(statics));
}

#[inline]
fn each<'p, 'v>(group: &mut [Asked<'p, 'v>], step: impl FnMut(&mut Way<'p, 'v>)) {
    group.iter_mut().filter_map(|asked| asked.way.as_mut()).for_each(step);
}

/// Write what is to be answered into `out`, and count it.
#[inline]
pub fn compose(
    asked: &Asked<'_, '_>,
    view: &View,
    guard: &mut Guard,
    out: &mut ResponseBuf<'_>,
    stats: &Stats,
) -> Verdict {
    stats.received_bytes.add(asked.packet.len() as u64);
    out.len = 0;
    let (rcode, reason) = match asked.refused {
        None => return reply(asked, view, guard, out, stats),
        Some(Refusal::Drop(reason)) => return drop_it(reason, out, stats),
        Some(Refusal::FormErr(reason)) => (Rcode::FormErr, reason),
        Some(Refusal::NotImp(reason)) => (Rcode::NotImp, reason),
    };
    stats.count_malformed(reason);
    refuse(asked.packet, &asked.client, rcode, view, guard, out, stats)
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
    let restrained = restrain(&mut guard.limiter, client, view, &summary, None, stats);
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
    limiter: &mut Limiter,
    client: &Client,
    view: &View,
    summary: &Summary,
    subject: Option<Subject<'_>>,
    stats: &Stats,
) -> Option<Action> {
    let (statics, _) = view.loaded.as_ref()?;
    let limits = statics.limits.as_ref()?;
    let (limit, action) = limiter.restrain(client, limits, &statics.zones, summary, subject)?;
    stats.count_limited(limit, action);
    Some(action)
}

#[inline]
fn reply(asked: &Asked<'_, '_>, view: &View, guard: &mut Guard, out: &mut ResponseBuf<'_>, stats: &Stats) -> Verdict {
    let Asked { client, query, options, way, .. } = asked;
    if let Some(reason) = asked.malformed {
        stats.count_malformed(reason);
    }
    let (mut rare, outcome) = match options.has_rare() {
        true => told_rarely(options, client, view, stats),
        false => (None, None),
    };
    let subnet = options.subnet.map(|subnet| subnet.data);
    let limit = size_limit(query, client, view, outcome);
    if let Some(rare) = &mut rare {
        rare.fit(query, subnet, limit);
    }
    let told = Told { subnet, rare: rare.as_ref() };
    let Guard { limiter, choices, known } = guard;
    choices.clear();
    let name = way.as_ref().map_or(&[][..], |way| way.name);
    let mut writer = Writer::new(out, query, name, told, limit, known);
    let summary = match (asked.settled, way, &view.loaded) {
        (Some(summary), ..) => summary,
        (None, None, _) => without_question(outcome, stats),
        (None, Some(way), Some(loaded)) => resolve(way, client, loaded, choices, &mut writer),
        (None, Some(_), None) => Summary::explained(Rcode::ServFail, Explanation::NotReady),
    };
    let subject = way.as_ref().map(|way| (query, way.name, options.subnet.as_ref()));
    let is_known = outcome == Some(Outcome::Valid);
    let restrained = if is_known { None } else { restrain(limiter, client, view, &summary, subject, stats) };
    match restrained {
        None => count_choices(choices, client, view, stats),
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

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use prost::Message;

    use super::*;
    use crate::asked::GROUP;
    use crate::input::messages::{Chunk, EcsData, RRsetData, SoaData, ZoneData};
    use crate::statics::Static;
    use crate::steering::decision::Decision;
    use crate::steering::tables::{COHORTS, Tables};

    /// So many names `N.test`, of which every third has an alias below it.
    fn view(names: u32) -> View {
        let apex = b"\x04test\0".to_vec();
        let named = |label: String| [&[label.len() as u8], label.as_bytes(), &apex].concat();
        let soa = SoaData { mname: apex.clone(), rname: apex.clone(), ..SoaData::default() };
        let rrset = |name, rrtype, rdata| RRsetData { name, rrtype, ttl_s: 1, rdatas: vec![rdata] };
        let addresses = (0..names).map(|number| rrset(named(format!("{number}")), 1, number.to_be_bytes().to_vec()));
        let aliases = (0..names).step_by(3).map(|number| {
            rrset([b"\x01w", named(format!("{number}")).as_slice()].concat(), 5, named(format!("{}", number + 1)))
        });
        let zone =
            ZoneData { apex: apex.clone(), serial: 1, soa: Some(soa), rrsets: addresses.chain(aliases).collect() };
        let chunk = Chunk { zones: vec![zone], ecs: Some(EcsData::default()), ..Chunk::default() }.encode_to_vec();
        let statics = Static::load([chunk.as_slice()], b"", 3).unwrap();
        let mut tables = Tables::new(vec![1; COHORTS]).unwrap();
        let decision = Decision::load(b"\x08\x01", &statics, None, &mut tables).unwrap();
        View::new(Arc::new(statics), Arc::new(decision))
    }

    /// Names that are there, spelt in two ways, names that are not, and packets that are no queries.
    fn packets() -> Vec<Vec<u8>> {
        let query =
            |name: &[u8], rrtype: u8| [&[0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], name, &[0, rrtype, 0, 1]].concat();
        let mut made = vec![query(b"\0", 1), query(b"\x04test\0", 6), query(b"\x04test\0", 255), vec![], vec![0; 12]];
        for number in 0..3000 {
            let label = format!("{number}");
            let name = [&[label.len() as u8], label.as_bytes(), b"\x04TeSt\0"].concat();
            made.push(query(&name, 1 + number as u8 % 5));
            made.push(query(&[b"\x01W", name.as_slice()].concat(), 1));
        }
        made
    }

    /// What is found for one must not be told another, and nobody's answer depends on who came with him.
    #[test]
    fn a_group_is_answered_as_its_packets_are_alone() {
        let (view, mut guard, stats) = (view(2000), Guard::new(1, 1), Stats::new());
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let client = Client { address, transport: Transport::Udp, entropy: 0, queries: 1, now_ms: 0, unix_s: 0 };
        let mut names = [NameBuf::default(); GROUP];
        let (mut one, mut other) = ([0; MAX_UDP_BYTES], [0; MAX_UDP_BYTES]);
        let mut answered = 0;
        for packets in packets().chunks(GROUP) {
            let mut group = [Asked::NOTHING; GROUP];
            for ((asked, packet), name) in group.iter_mut().zip(packets).zip(&mut names) {
                asked.parse(packet, client, name);
            }
            locate(&mut group, &view, &stats);
            for (asked, packet) in group.iter().zip(packets) {
                let (mut together, mut alone) = (ResponseBuf::new(&mut one), ResponseBuf::new(&mut other));
                let verdict = compose(asked, &view, &mut guard, &mut together, &stats);
                assert_eq!(verdict, answer(packet, &client, &view, &mut guard, &mut alone, &stats));
                assert_eq!(together.message(), alone.message(), "{packet:?}");
                answered += usize::from(together.message().get(7).is_some_and(|&answers| answers > 0));
            }
        }
        assert!(answered > 1000, "{answered}");
    }
}
