//! What the OPT record of a response says besides, where there is one.

use crate::client::Client;
use crate::cookies::{Outcome, Shown, check};
use crate::identity::Identity;
use crate::options::Options;
use crate::query::Query;
use crate::stats::Stats;
use crate::writer::{OPTION_BYTES, empty_bytes};

/// `subnet`: the data of the ECS option. `rare`: what is told to few.
#[derive(Clone, Copy)]
pub struct Told<'w> {
    pub subnet: Option<&'w [u8]>,
    pub rare: Option<&'w Rare<'w>>,
}

impl Told<'_> {
    #[inline]
    pub fn option_bytes(&self) -> usize {
        self.subnet.map_or(0, |subnet| OPTION_BYTES + subnet.len()) + self.rare.map_or(0, Rare::option_bytes)
    }
}

/// What only those are told who ask for it: who answers, and a cookie. Apart, so that it costs all others nothing.
pub struct Rare<'w> {
    /// Empty = left out.
    pub nsid: &'w [u8],
    /// What became of the client's cookie.
    pub shown: Option<Shown>,
}

impl<'w> Rare<'w> {
    #[cold]
    #[inline(never)]
    pub fn new(options: &Options<'_>, client: &Client, identity: &'w Identity, stats: &Stats) -> Self {
        let shown = options.cookie.and_then(|cookie| check(&cookie, client, &identity.secrets));
        if let Some(shown) = &shown {
            stats.count_cookie(shown.outcome);
        }
        Self { nsid: if options.wants_nsid { &identity.nsid } else { &[] }, shown }
    }

    /// Who answers is left out where not even an empty response has room for it.
    #[cold]
    #[inline(never)]
    pub fn fit(&mut self, query: &Query<'_>, subnet: Option<&[u8]>, limit: usize) {
        if empty_bytes(query, &Told { subnet, rare: Some(self) }) > limit {
            self.nsid = &[];
        }
    }

    #[inline]
    pub fn outcome(&self) -> Option<Outcome> {
        self.shown.as_ref().map(|shown| shown.outcome)
    }

    #[cold]
    fn option_bytes(&self) -> usize {
        let nsid = if self.nsid.is_empty() { 0 } else { OPTION_BYTES + self.nsid.len() };
        nsid + self.shown.as_ref().map_or(0, |shown| OPTION_BYTES + shown.reply.len())
    }
}
