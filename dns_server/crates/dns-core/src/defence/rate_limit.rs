//! Response rate limiting: `gslb/core/answering/{limit,restrain}.py`.

use std::net::IpAddr;

use crate::addresses::network;
use crate::addresses::prefixes::Prefixes;
use crate::defence::buckets::{Buckets, PER_ANSWER, absorb, absorb_octets};
use crate::input::error::Invalid;
use crate::input::limits::NONE;
use crate::input::messages::RateLimitData;
use crate::wire::client::{Client, Transport};
use crate::wire::options::Subnet;
use crate::wire::query::Query;
use crate::wire::records::Rcode;
use crate::wire::summary::Summary;
use crate::zones::lookup::{Place, Zones};

const PREFIX_SETS: usize = 1024;
const SUBJECT_SETS: usize = 4096;
const MAX_ANSWERS_PER_SECOND: u32 = 1_000_000;

/// What may be exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Answers,
    NxDomain,
    Errors,
    Client,
}

/// What becomes of an answer that is too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Answered empty and truncated, so that a true client asks again over TCP.
    Slipped,
    Dropped,
}

/// Answers a second and client prefix. `least`: a prefix that gets no more in all exceeds no limit.
pub struct Limits {
    answers: u32,
    nxdomain: u32,
    errors: u32,
    client: u32,
    least: u32,
    slip: u32,
    exempt: Prefixes,
}

impl Limits {
    pub fn load(said: &RateLimitData) -> Result<Self, Invalid> {
        let rates = [said.answers, said.nxdomain, said.errors, said.client];
        if !rates.iter().all(|rate| (1..=MAX_ANSWERS_PER_SECOND).contains(rate)) {
            return Err(Invalid::Content("a rate limit is out of range"));
        }
        Ok(Self {
            answers: said.answers,
            nxdomain: said.nxdomain,
            errors: said.errors,
            client: said.client,
            least: rates.into_iter().min().unwrap_or_default(),
            slip: said.slip,
            exempt: Prefixes::parse(said.exempt.iter().map(String::as_str))?,
        })
    }

    fn rate(&self, limit: Limit) -> u32 {
        match limit {
            Limit::Answers => self.answers,
            Limit::NxDomain => self.nxdomain,
            Limit::Errors => self.errors,
            Limit::Client => self.client,
        }
    }
}

/// What was asked, for what counts as the same: the query, its name in lower case and its ECS option.
pub type Subject<'a> = (&'a Query<'a>, &'a [u8], Option<&'a Subnet<'a>>);

/// The memory of one thread that answers.
#[derive(Debug)]
pub struct Limiter {
    seed: u64,
    cost: u32,
    prefixes: Buckets,
    subjects: Buckets,
}

impl Limiter {
    /// `threads`: how many share each limit; an answer costs so many, so that a thread allows its part.
    pub fn new(seed: u64, threads: usize) -> Self {
        let threads = u32::try_from(threads).unwrap_or(u32::MAX);
        Self {
            seed,
            cost: threads.saturating_mul(PER_ANSWER),
            prefixes: Buckets::new(PREFIX_SETS),
            subjects: Buckets::new(SUBJECT_SETS),
        }
    }

    /// What to do with a response, None where it goes out as it is; `subject` None for a packet that could not be read.
    #[inline]
    pub fn restrain(
        &mut self,
        client: &Client,
        limits: &Limits,
        zones: &Zones,
        summary: &Summary,
        subject: Option<Subject<'_>>,
    ) -> Option<(Limit, Action)> {
        if client.transport == Transport::Tcp {
            return None;
        }
        let prefix = self.prefix_key(client);
        let bucket = self.prefixes.find(prefix, client.now_ms, limits.least)?;
        if !bucket.add(self.cost, limits.least) {
            return None;
        }
        self.judge(client, limits, zones, prefix, summary, subject)
    }

    #[cold]
    fn judge(
        &mut self,
        client: &Client,
        limits: &Limits,
        zones: &Zones,
        prefix: u64,
        summary: &Summary,
        subject: Option<Subject<'_>>,
    ) -> Option<(Limit, Action)> {
        if limits.exempt.cover(client.address) {
            return None;
        }
        let counted = counted(zones, summary, subject, prefix);
        for (limit, key) in [counted, (Limit::Client, absorb(prefix, Limit::Client as u64))] {
            let rate = limits.rate(limit);
            let bucket = self.subjects.find(key, client.now_ms, rate)?;
            if !bucket.take(self.cost, rate) {
                return Some((limit, if bucket.slips(limits.slip) { Action::Slipped } else { Action::Dropped }));
            }
        }
        None
    }

    #[inline]
    fn prefix_key(&self, client: &Client) -> u64 {
        let (version, network) = network::number(client.address);
        absorb(self.seed, version << 56 | network)
    }
}

/// What a response is about, as the limit and the key of the bucket it counts in. The client's prefix counts, as long
/// as the scope, only where the answer depends on it.
#[cold]
fn counted(zones: &Zones, summary: &Summary, subject: Option<Subject<'_>>, prefix: u64) -> (Limit, u64) {
    let by_prefix = |limit: Limit| (limit, absorb(prefix, limit as u64));
    let Some((query, name, subnet)) = subject else {
        return by_prefix(Limit::Errors);
    };
    let likely = zones.node_table.likely(zones.node_table.hash(name)).unwrap_or(NONE);
    let found = zones.place_of(name, query.rrtype, likely);
    let (Some((zone, place)), Rcode::NoError | Rcode::NxDomain) = (found, summary.rcode) else {
        return by_prefix(Limit::Errors);
    };
    let apex = zones.zone(zone).map_or(&[][..], |zone| zones.texts.get(zone.apex));
    if summary.rcode == Rcode::NxDomain {
        let (limit, key) = by_prefix(Limit::NxDomain);
        return (limit, absorb_octets(key, apex));
    }
    let (limit, mut key) = by_prefix(Limit::Answers);
    match subnet.filter(|_| summary.scope > 0) {
        None => key = absorb(key, u64::from(query.rrtype)),
        Some(subnet) => {
            let (family, address) = match subnet.address {
                Some(IpAddr::V4(v4)) => (1, u128::from(v4.to_bits()) << 96),
                Some(IpAddr::V6(v6)) => (2, v6.to_bits()),
                None => (0, 0),
            };
            let network = address & !u128::MAX.checked_shr(u32::from(summary.scope)).unwrap_or(0);
            key = absorb(key, u64::from(summary.scope) << 32 | family << 16 | u64::from(query.rrtype));
            key = absorb(absorb(key, (network >> 64) as u64), network as u64);
        }
    }
    let owner = match place {
        Place::Found(node) => zones.texts.get(node.name),
        Place::Delegated(rrset) | Place::Redirected(rrset) => {
            zones.node(rrset.owner).map_or(apex, |node| zones.texts.get(node.name))
        }
        Place::Missing => apex,
    };
    (limit, absorb_octets(key, owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_no_configuration_has_are_refused() {
        let said =
            RateLimitData { answers: 1, nxdomain: 1, errors: 1, client: MAX_ANSWERS_PER_SECOND, ..Default::default() };
        assert!(Limits::load(&said).is_ok());
        assert!(Limits::load(&RateLimitData { errors: 0, ..said.clone() }).is_err());
        assert!(Limits::load(&RateLimitData { client: MAX_ANSWERS_PER_SECOND + 1, ..said.clone() }).is_err());
        assert!(Limits::load(&RateLimitData { exempt: vec!["everybody".into()], ..said }).is_err());
    }
}
