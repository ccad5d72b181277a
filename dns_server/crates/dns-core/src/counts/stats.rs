//! A worker's counters: written by one thread without locks, read by any other without stopping it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::defence::cookies::Outcome;
use crate::defence::rate_limit::{Action, Limit};
use crate::wire::client::Transport;
use crate::wire::reason::Reason;

/// Rises only; written by one thread, so that load and store need not be one operation.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Count `more`. Only the worker that owns the counter may do that.
    pub fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// The sum so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

const TRANSPORTS: [&str; 2] = ["udp", "tcp"];
const TYPES: [(u16, &str); 22] = [
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (13, "HINFO"),
    (15, "MX"),
    (16, "TXT"),
    (28, "AAAA"),
    (33, "SRV"),
    (35, "NAPTR"),
    (39, "DNAME"),
    (43, "DS"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (251, "IXFR"),
    (252, "AXFR"),
    (255, "ANY"),
    (257, "CAA"),
];
const OTHER: usize = TYPES.len();
const RCODES: [(u16, &str); 10] = [
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (9, "NOTAUTH"),
    (16, "BADVERS"),
    (23, "BADCOOKIE"),
];
const KINDS: usize = TRANSPORTS.len() * (TYPES.len() + 1) * RCODES.len();

const REASONS: [(Reason, &str); 18] = [
    (Reason::Short, "short"),
    (Reason::Response, "response"),
    (Reason::Opcode, "opcode"),
    (Reason::QuestionCount, "question count"),
    (Reason::QuestionCutOff, "question cut off"),
    (Reason::QuestionName, "question name"),
    (Reason::RecordCount, "record count"),
    (Reason::RecordCutOff, "record cut off"),
    (Reason::RecordName, "record name"),
    (Reason::MisplacedOpt, "misplaced opt"),
    (Reason::MisplacedTsig, "misplaced tsig"),
    (Reason::Tsig, "tsig"),
    (Reason::TrailingOctets, "trailing octets"),
    (Reason::OptionCutOff, "option cut off"),
    (Reason::TwoEcsOptions, "two ecs options"),
    (Reason::Ecs, "ecs"),
    (Reason::Cookie, "cookie"),
    (Reason::RateLimit, "rate limit"),
];

const LIMITS: [(Limit, &str); 4] =
    [(Limit::Answers, "answers"), (Limit::NxDomain, "nxdomain"), (Limit::Errors, "errors"), (Limit::Client, "client")];
const ACTIONS: [(Action, &str); 2] = [(Action::Slipped, "slipped"), (Action::Dropped, "dropped")];
const OUTCOMES: [(Outcome, &str); 3] =
    [(Outcome::New, "new"), (Outcome::Valid, "valid"), (Outcome::Invalid, "invalid")];

/// What one worker counted. The names are those of the metrics.
#[derive(Debug)]
pub struct Stats {
    /// Answers by service are counted apart for each worker; None: they are not counted.
    pub worker: Option<usize>,
    queries: [Counter; KINDS],
    malformed: [Counter; REASONS.len()],
    dropped: [Counter; REASONS.len()],
    limited: [Counter; LIMITS.len() * ACTIONS.len()],
    cookies: [Counter; OUTCOMES.len()],
    /// Responses with TC.
    pub truncated: Counter,
    /// Queries with an ECS option.
    pub ecs: Counter,
    /// Octets of all packets.
    pub received_bytes: Counter,
    /// Octets of all responses.
    pub sent_bytes: Counter,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            worker: None,
            queries: std::array::from_fn(|_| Counter::default()),
            malformed: Default::default(),
            dropped: Default::default(),
            limited: Default::default(),
            cookies: Default::default(),
            truncated: Counter::default(),
            ecs: Counter::default(),
            received_bytes: Counter::default(),
            sent_bytes: Counter::default(),
        }
    }
}

impl Stats {
    /// All counters at 0, of nobody who counts answers by service.
    pub fn new() -> Self {
        Self::default()
    }

    /// All counters at 0. `worker`: its number, from 0.
    pub fn of_worker(worker: usize) -> Self {
        Self { worker: Some(worker), ..Self::default() }
    }

    /// (transport, type, rcode, count) of all answered queries, without zeros.
    pub fn queries(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static str, u64)> + '_ {
        let types = || TYPES.iter().map(|&(_, name)| name).chain(["other"]);
        let kinds = TRANSPORTS
            .into_iter()
            .flat_map(move |transport| types().map(move |rrtype| (transport, rrtype)))
            .flat_map(|(transport, rrtype)| RCODES.map(|(_, rcode)| (transport, rrtype, rcode)));
        kinds
            .zip(&self.queries)
            .map(|((transport, rrtype, rcode), counter)| (transport, rrtype, rcode, counter.get()))
            .filter(|&(.., count)| count > 0)
    }

    /// (reason, count) of packets that were answered with an error, without zeros.
    pub fn malformed(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        named(&REASONS, &self.malformed)
    }

    /// (reason, count) of packets that got no reply, without zeros.
    pub fn dropped(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        named(&REASONS, &self.dropped)
    }

    /// (outcome, count) of COOKIE options, without zeros.
    pub fn cookies(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        named(&OUTCOMES, &self.cookies)
    }

    /// (limit, action, count) of answers beyond a rate limit, without zeros.
    pub fn limited(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        let kinds = LIMITS.iter().flat_map(|&(_, limit)| ACTIONS.map(|(_, action)| (limit, action)));
        kinds
            .zip(&self.limited)
            .map(|((limit, action), counter)| (limit, action, counter.get()))
            .filter(|&(.., count)| count > 0)
    }

    pub(crate) fn count_limited(&self, limit: Limit, action: Action) {
        if let Some(counter) = self.limited.get(limit as usize * ACTIONS.len() + action as usize) {
            counter.add(1);
        }
    }

    pub(crate) fn count_query(&self, transport: Transport, rrtype: u16, rcode: u16) {
        let rcode = RCODES.iter().position(|&(number, _)| number == rcode).unwrap_or_default();
        let at = (transport as usize * (TYPES.len() + 1) + type_index(rrtype)) * RCODES.len() + rcode;
        if let Some(counter) = self.queries.get(at) {
            counter.add(1);
        }
    }

    pub(crate) fn count_malformed(&self, reason: Reason) {
        if let Some(counter) = self.malformed.get(reason as usize) {
            counter.add(1);
        }
    }

    pub(crate) fn count_cookie(&self, outcome: Outcome) {
        if let Some(counter) = self.cookies.get(outcome as usize) {
            counter.add(1);
        }
    }

    pub(crate) fn count_dropped(&self, reason: Reason) {
        if let Some(counter) = self.dropped.get(reason as usize) {
            counter.add(1);
        }
    }
}

fn named<'c, T, const COUNT: usize>(
    names: &'static [(T, &str); COUNT],
    counters: &'c [Counter; COUNT],
) -> impl Iterator<Item = (&'static str, u64)> + use<'c, T, COUNT> {
    names.iter().zip(counters).map(|(&(_, name), counter)| (name, counter.get())).filter(|&(_, count)| count > 0)
}

fn type_index(rrtype: u16) -> usize {
    match rrtype {
        1 => 0,
        28 => 8,
        _ => TYPES.iter().position(|&(number, _)| number == rrtype).unwrap_or(OTHER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_counted_under_its_own_name() {
        let stats = Stats::new();
        for (at, (number, name)) in TYPES.into_iter().enumerate() {
            assert_eq!(type_index(number), at);
            stats.count_query(Transport::Tcp, number, 3);
            assert!(stats.queries().any(|kind| kind == ("tcp", name, "NXDOMAIN", 1)));
        }
        stats.count_query(Transport::Udp, 4321, 16);
        assert!(stats.queries().any(|kind| kind == ("udp", "other", "BADVERS", 1)));
    }

    #[test]
    fn reasons_and_outcomes_stand_where_they_are_counted() {
        for (at, (reason, _)) in REASONS.into_iter().enumerate() {
            assert_eq!(reason as usize, at);
        }
        for (limit, name) in LIMITS {
            for (action, done) in ACTIONS {
                let stats = Stats::new();
                stats.count_limited(limit, action);
                assert_eq!(stats.limited().collect::<Vec<_>>(), [(name, done, 1)]);
            }
        }
        for (at, (outcome, _)) in OUTCOMES.into_iter().enumerate() {
            assert_eq!(outcome as usize, at);
        }
    }
}
