//! Prints what one answer costs: `cost FILE ROUNDS`.
//!
//! FILE holds parts with their length (4 octets) before them: the `EngineStatic`, the `EngineDecision`, the costs (4
//! octets each), how many chunks there are (4 octets), the chunks, and then queries up to its end.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use dns_core::{
    Asked, Client, Decision, GROUP, Guard, MAX_UDP_BYTES, NameBuf, ResponseBuf, Static, Stats, Tables, Transport, View,
    compose, locate,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path, rounds] = arguments.as_slice() else {
        return Err("usage: cost FILE ROUNDS".into());
    };
    let content = std::fs::read(path)?;
    let mut parts = parts(&content).into_iter();
    let mut next = || parts.next().ok_or("the file is cut off");
    let (extra, message, costs) = (next()?, next()?, next()?);
    let count = u32::from_be_bytes(next()?.try_into()?);
    let chunks = (0..count).map(|_| next()).collect::<Result<Vec<&[u8]>, _>>()?;
    let queries: Vec<&[u8]> = std::iter::from_fn(|| next().ok()).collect();
    let costs = costs.chunks_exact(4).map(|octets| octets.try_into().map(u32::from_be_bytes));
    let mut tables = Tables::new(costs.collect::<Result<Vec<u32>, _>>()?)?;

    let started = Instant::now();
    let statics = Arc::new(Static::load(chunks, extra, 7)?);
    println!("snapshot loaded in {:.1?}", started.elapsed());
    let started = Instant::now();
    let decision = Arc::new(Decision::load(message, &statics, None, &mut tables)?);
    println!("decision loaded in {:.1?}", started.elapsed());

    let view = View::new(statics, decision);
    let (stats, mut guard) = (Stats::of_worker(0), Guard::new(7, 1));
    let mut memory = [0; MAX_UDP_BYTES];
    let mut names = [NameBuf::default(); GROUP];
    let mut now_ms = 0;
    let rounds: u32 = rounds.parse()?;
    let mut pieces = Vec::new(); // short ones, so that what else the machine does spoils only some
    // As in busy times, one piece in 16 counts in the demand
    for piece in (0..rounds).flat_map(|_| queries.chunks(GROUP)) {
        let started = Instant::now();
        let queries = if pieces.len().is_multiple_of(16) { 16 } else { 0 };
        let mut group = [Asked::NOTHING; GROUP];
        let Some(group) = group.get_mut(..piece.len()) else { continue };
        for ((asked, query), name) in group.iter_mut().zip(piece).zip(&mut names) {
            now_ms += 1;
            asked.parse(query, Client { queries, ..client(now_ms) }, name);
        }
        locate(group, &view, &stats);
        for asked in group {
            let mut out = ResponseBuf::new(&mut memory);
            black_box(compose(asked, &view, &mut guard, &mut out, &stats));
        }
        pieces.push(started.elapsed().as_nanos() as f64 / piece.len() as f64);
    }
    pieces.sort_by(f64::total_cmp);
    let [quarter, median] = [4, 2].map(|part| pieces.get(pieces.len() / part).copied().unwrap_or_default());
    println!("{} queries, {rounds} rounds: {median:.0} ns an answer (a quarter under {quarter:.0})", queries.len());
    for kind in stats.queries() {
        println!("{kind:?}");
    }
    Ok(())
}

/// Clients of 4,096 prefixes take turns, so that none is limited.
fn client(now_ms: u64) -> Client {
    let address = IpAddr::V4(Ipv4Addr::from_bits(10 << 24 | (now_ms as u32 & 0xFFF) << 8 | 53));
    Client { address, transport: Transport::Udp, entropy: 0, queries: 0, now_ms, unix_s: 0 }
}

fn parts(mut content: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some((length, rest)) = content.split_first_chunk::<4>() {
        let Some((part, rest)) = rest.split_at_checked(u32::from_be_bytes(*length) as usize) else {
            break;
        };
        found.push(part);
        content = rest;
    }
    found
}
