//! Asking, and questions about what an input holds.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dns_core::{
    Asked, Client, GROUP, Guard, MAX_TCP_BYTES, MAX_UDP_BYTES, NameBuf, ResponseBuf, Stats, Transport, Verdict, View,
    answer, compose, locate,
};

use crate::reply;

/// An ECS option trusts the first and the last of them.
const ADDRESSES: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 53)),
    IpAddr::V4(Ipv4Addr::new(81, 2, 69, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2A02, 0, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xDB8, 0x53, 0, 0, 0, 0, 1)),
];
/// Between two packets, so that nothing is limited.
const LONG_MS: u64 = 10_000;
const TYPES: [u16; 6] = [1, 28, 5, 2, 43, 255];
const MOST_NAMES: usize = 40;
const MOST_NAME_BYTES: usize = 255;

thread_local! {
    /// A guard and the time; a new one takes longer than an answer.
    static KEPT: RefCell<(Guard, u64)> = RefCell::new((Guard::new(7, 1), 1 << 40));
}

/// Who asks: the lowest bit says over what, the next two from where, the others are chance.
pub fn client(how: u8) -> Client {
    let transport = if how & 1 == 0 { Transport::Udp } else { Transport::Tcp };
    let address = ADDRESSES[usize::from(how >> 1) % ADDRESSES.len()];
    Client { address, transport, entropy: u64::from(how >> 3) << 59, queries: 1, now_ms: 1 << 40, unix_s: 1 << 30 }
}

/// The reply to a packet, twice the same and as it must be; empty where nothing is sent.
pub fn ask(packet: &[u8], client: &Client, view: &View) -> Vec<u8> {
    let said = once(packet, client, view);
    assert!(said == once(packet, client, view), "the same packet was answered in two ways");
    reply::check(packet, client, &said);
    said
}

fn once(packet: &[u8], client: &Client, view: &View) -> Vec<u8> {
    let room = match client.transport {
        Transport::Udp => MAX_UDP_BYTES,
        Transport::Tcp => MAX_TCP_BYTES,
    };
    let mut memory = vec![0; room];
    let mut out = ResponseBuf::new(&mut memory);
    KEPT.with_borrow_mut(|(guard, now_ms)| {
        let client = later(client, now_ms);
        let verdict = answer(packet, &client, view, guard, &mut out, &Stats::new());
        assert!((verdict == Verdict::Drop) == out.is_empty(), "{verdict:?} with {} octets", out.len());
    });
    out.message().to_vec()
}

fn later(client: &Client, now_ms: &mut u64) -> Client {
    *now_ms += LONG_MS;
    Client { now_ms: *now_ms, ..*client }
}

/// The replies to at most [`GROUP`] packets that come together, each in a place that another one had before.
pub fn ask_together(packets: &[(&[u8], Client)], view: &View) -> Vec<Vec<u8>> {
    let (mut before, mut names) = ([NameBuf::default(); GROUP], [NameBuf::default(); GROUP]);
    let mut group = [const { Asked::NOTHING }; GROUP];
    for ((asked, name), &(packet, client)) in group.iter_mut().zip(&mut before).zip(packets.iter().rev()) {
        asked.parse(packet, client, name);
    }
    let (group, stats) = (&mut group[..packets.len()], Stats::of_worker(0));
    locate(group, view, &stats);
    KEPT.with_borrow_mut(|(guard, now_ms)| {
        for ((asked, name), (packet, client)) in group.iter_mut().zip(&mut names).zip(packets) {
            asked.parse(packet, later(client, now_ms), name);
        }
        locate(group, view, &stats);
        let mut memory = vec![0; MAX_TCP_BYTES];
        let mut said = Vec::new();
        for asked in group {
            let mut out = ResponseBuf::new(&mut memory);
            compose(asked, view, guard, &mut out, &stats);
            said.push(out.message().to_vec());
        }
        said
    })
}

/// The answers to questions of all kinds about these names.
pub fn answers(names: &[Vec<u8>], view: &View) -> Vec<Vec<u8>> {
    let kinds = names.iter().flat_map(|name| TYPES.map(|rrtype| (name, rrtype))).enumerate();
    kinds.map(|(number, (name, rrtype))| ask(&query(name, rrtype, number), &client(number as u8), view)).collect()
}

/// Every other one has an ECS option.
fn query(name: &[u8], rrtype: u16, number: usize) -> Vec<u8> {
    let has_ecs = number.is_multiple_of(2);
    let mut packet = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(has_ecs)];
    packet.extend(name);
    packet.extend(rrtype.to_be_bytes());
    packet.extend([0, 1]);
    if has_ecs {
        packet.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0, 81, 2, 69]);
    }
    packet
}

/// Names that are written out among some octets, whatever else these are.
pub fn names(octets: &[u8]) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    let mut at = 0;
    while at < octets.len() && found.len() < MOST_NAMES {
        let length = name_bytes(&octets[at..]);
        if length > 1 && !found.iter().any(|name| *name == octets[at..at + length]) {
            found.push(octets[at..at + length].to_vec());
        }
        at += length.max(1);
    }
    found
}

/// Octets of the name that begins here; 0 where none does.
fn name_bytes(octets: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&length) = octets.get(at) {
        at += 1;
        if length == 0 && at <= MOST_NAME_BYTES {
            return at;
        }
        match octets.get(at..at + usize::from(length)) {
            Some(label) if length < 64 && at < MOST_NAME_BYTES && label.iter().all(u8::is_ascii_graphic) => {
                at += label.len();
            }
            _ => return 0,
        }
    }
    0
}
