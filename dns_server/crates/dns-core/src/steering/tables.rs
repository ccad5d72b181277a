//! Who gets which: cohort tables by weighted rendezvous, the same as those of `gslb/core/steering/cohorts.py`.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use sha3::Shake128;
use sha3::digest::{ExtendableOutput, Update, XofReader};

use crate::hash::mix::mix;
use crate::input::error::Invalid;

/// Cohorts that clients fall into.
pub const COHORTS: usize = 4096;
/// Names whose permutation is remembered, 8 KiB each.
const MAX_STRATA: usize = 4096;
/// Tables that are remembered, most of them of 512 octets to 2 KiB: what a failure changes, a recovery changes back.
const MAX_MADE: usize = 1024;

type Strata = Arc<[u16]>;

/// By cohort: indexes into the shares, best first. Cohorts that rank alike share one run, and the runs' numbers are
/// packed: a table of two names takes 512 octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    packed: Arc<[u8]>,
    /// Of one number: 1, 2, 4, 8 or 16, so that none lies across octets but those of 16.
    bits: usize,
    ranks: Arc<[u16]>,
    picks: usize,
}

impl Table {
    /// `numbers`: by cohort, of a run of `picks` among `ranks`.
    fn new(numbers: &[u16], ranks: Arc<[u16]>, picks: usize) -> Self {
        let most = numbers.iter().copied().max().unwrap_or_default();
        let bits = ((u16::BITS - most.leading_zeros()).max(1) as usize).next_power_of_two();
        let mut packed = vec![0; (numbers.len() * bits).div_ceil(8)];
        for (cohort, &number) in numbers.iter().enumerate() {
            let at = cohort * bits;
            let [high, low] = number.to_be_bytes();
            if bits == 16 {
                put(&mut packed, at / 8, high);
                put(&mut packed, at / 8 + 1, low);
            } else {
                put(&mut packed, at / 8, low << (at % 8));
            }
        }
        Self { packed: packed.into(), bits, ranks, picks }
    }

    #[inline]
    fn number(&self, cohort: usize) -> usize {
        let at = cohort * self.bits;
        let octet = |at| usize::from(self.packed.get(at).copied().unwrap_or_default());
        if self.bits == 16 {
            octet(at / 8) << 8 | octet(at / 8 + 1)
        } else {
            octet(at / 8) >> (at % 8) & ((1 << self.bits) - 1)
        }
    }

    /// The best for a cohort, as many as the table was made for.
    #[inline]
    pub fn ranks(&self, cohort: usize) -> &[u16] {
        let number = self.number(cohort);
        self.ranks.get(number * self.picks..(number + 1) * self.picks).unwrap_or_default()
    }

    /// The best for a cohort.
    #[inline]
    pub fn first(&self, cohort: usize) -> usize {
        self.ranks(cohort).first().map_or(0, |&index| usize::from(index))
    }
}

fn put(packed: &mut [u8], at: usize, bits: u8) {
    if let Some(octet) = packed.get_mut(at) {
        *octet |= bits;
    }
}

/// A client's cohorts; independent of each other, so that members share a pool whatever pools share the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    pub pool: usize,
    pub member: usize,
}

/// The cohorts of a client: `prefix` is its network number, `version` 4 or 6.
#[inline]
pub fn draw(prefix: u64, version: u64, salt: u64) -> Draw {
    let mixed = mix(salt ^ mix(version << 56 | prefix));
    Draw { pool: (mixed >> 52) as usize, member: (mixed >> 40) as usize & (COHORTS - 1) }
}

/// Makes cohort tables; remembers what is the same from decision to decision.
pub struct Tables {
    costs: Vec<u32>,
    strata: HashMap<Box<str>, Strata, FixedState>,
    made: HashMap<Box<[u8]>, Table, FixedState>,
}

impl Tables {
    /// `costs`: -ln U of every stratum in units of 2^-24, as Python rounds them, one a cohort.
    pub fn new(costs: Vec<u32>) -> Result<Self, Invalid> {
        if costs.len() != COHORTS {
            return Err(Invalid::Content("there must be one cost a cohort"));
        }
        Ok(Self { costs, strata: HashMap::default(), made: HashMap::default() })
    }

    /// For every cohort the `picks` best of these (name, share) pairs, ties by their order. None where one is alone:
    /// then every cohort gets that.
    pub fn tabulate(&mut self, shares: &[(&str, u32)], picks: usize) -> Option<Table> {
        if shares.len() < 2 {
            return None;
        }
        let key = key(shares, picks);
        if let Some(table) = self.made.get(&*key) {
            return Some(table.clone());
        }
        let table = self.make(shares, picks);
        if self.made.len() >= MAX_MADE {
            self.made.clear();
        }
        self.made.insert(key.into(), table.clone());
        Some(table)
    }

    fn make(&mut self, shares: &[(&str, u32)], picks: usize) -> Table {
        let held: Vec<(Strata, f64)> =
            shares.iter().map(|&(name, share)| (self.strata(name), f64::from(share.max(1)))).collect();
        let costs = |cohort: usize, (strata, share): &(Strata, f64)| {
            let stratum = strata.get(cohort).map_or(0, |&stratum| usize::from(stratum));
            f64::from(self.costs.get(stratum).copied().unwrap_or(u32::MAX)) / share
        };
        let picks = picks.clamp(1, shares.len());
        if picks == 1 {
            let best = |cohort| {
                let mut least = (0, f64::INFINITY);
                for (index, one) in held.iter().enumerate() {
                    let cost = costs(cohort, one);
                    if cost < least.1 {
                        least = (index as u16, cost);
                    }
                }
                least.0
            };
            let ranks = (0..shares.len()).map(|index| index as u16).collect();
            let numbers: Vec<u16> = (0..COHORTS).map(best).collect();
            return Table::new(&numbers, ranks, picks);
        }
        let mut known: HashMap<Box<[u16]>, u16, FixedState> = HashMap::default();
        let mut ranks = Vec::new();
        let mut rank = |cohort| {
            let mut order: Vec<(f64, u16)> =
                held.iter().enumerate().map(|(index, one)| (costs(cohort, one), index as u16)).collect();
            order.sort_by(|one, other| one.0.total_cmp(&other.0));
            let best: Box<[u16]> = order.iter().take(picks).map(|&(_, index)| index).collect();
            let next = known.len() as u16;
            *known.entry(best).or_insert_with_key(|best| {
                ranks.extend_from_slice(best);
                next
            })
        };
        let numbers: Vec<u16> = (0..COHORTS).map(&mut rank).collect();
        Table::new(&numbers, ranks.into(), picks)
    }

    /// By cohort: which of the strata of (0, 1) the name has there; a permutation, keyed by the name.
    fn strata(&mut self, name: &str) -> Strata {
        if let Some(strata) = self.strata.get(name) {
            return strata.clone();
        }
        let mut hasher = Shake128::default();
        hasher.update(name.as_bytes());
        let mut words = [0; 4 * COHORTS];
        hasher.finalize_xof().read(&mut words);
        let mut keyed: Vec<u64> = (0..)
            .zip(words.chunks_exact(4))
            .map(|(cohort, word)| {
                let word = word.first_chunk().map_or(0, |&word| u32::from_le_bytes(word) >> 2);
                u64::from(word) << 16 | cohort
            })
            .collect();
        keyed.sort_unstable();
        let strata: Strata = keyed.into_iter().map(|key| key as u16).collect();
        if self.strata.len() >= MAX_STRATA {
            self.strata.clear();
        }
        self.strata.insert(name.into(), strata.clone());
        strata
    }
}

/// All that a table depends on; no two tables' are the same.
fn key(shares: &[(&str, u32)], picks: usize) -> Vec<u8> {
    let mut key = picks.to_be_bytes().to_vec();
    for (name, share) in shares {
        key.extend_from_slice(&share.to_be_bytes());
        key.extend_from_slice(&name.len().to_be_bytes());
        key.extend_from_slice(name.as_bytes());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_loses_nothing() {
        for most in [0_u16, 1, 2, 3, 4, 15, 16, 255, 256, 4095] {
            let numbers: Vec<u16> = (0..COHORTS as u16).map(|cohort| cohort % (most + 1)).collect();
            let ranks: Arc<[u16]> = (0..=most).collect();
            let table = Table::new(&numbers, ranks, 1);
            for (cohort, &number) in numbers.iter().enumerate() {
                assert_eq!(table.ranks(cohort), [number], "{most} {cohort}");
            }
        }
        assert_eq!(Table::new(&[0, 1].repeat(COHORTS / 2), Arc::from([0, 1]), 1).packed.len(), 512);
    }

    fn equal_costs() -> Tables {
        Tables::new(vec![1; COHORTS]).unwrap()
    }

    #[test]
    fn a_table_is_made_once_as_long_as_few_others_are() {
        let mut tables = equal_costs();
        let first = tables.tabulate(&[("a", 3), ("b", 1)], 1).unwrap();
        let again = tables.tabulate(&[("a", 3), ("b", 1)], 1).unwrap();
        assert!(Arc::ptr_eq(&first.packed, &again.packed));
        for other in 0..MAX_MADE as u32 {
            tables.tabulate(&[("a", 4 + other), ("b", 1)], 1).unwrap();
            assert!(tables.made.len() <= MAX_MADE);
        }
        let made_anew = tables.tabulate(&[("a", 3), ("b", 1)], 1).unwrap();
        assert!(!Arc::ptr_eq(&first.packed, &made_anew.packed));
        assert_eq!(first, made_anew);
    }

    #[test]
    fn what_differs_in_anything_is_another_table() {
        let mut tables = equal_costs();
        let asked: [(&[(&str, u32)], usize); 6] = [
            (&[("a", 1), ("b", 1)], 1),
            (&[("a", 1), ("b", 1)], 2),
            (&[("a", 1), ("b", 2)], 1),
            (&[("b", 1), ("a", 1)], 1),
            (&[("a", 1), ("b", 1), ("c", 1)], 1),
            (&[("ab", 1), ("c", 1)], 1),
        ];
        for (shares, picks) in asked {
            tables.tabulate(shares, picks).unwrap();
        }
        assert_eq!(tables.made.len(), asked.len());
    }

    /// A share of three quarters gets three quarters of the cohorts, but for a few.
    #[test]
    fn cohorts_follow_shares() {
        let costs = (0..COHORTS).map(|stratum| {
            let middle = (stratum as f64 + 0.5) / COHORTS as f64;
            (-middle.ln() * f64::from(1 << 24)).round() as u32
        });
        let mut tables = Tables::new(costs.collect()).unwrap();
        let table = tables.tabulate(&[("a", 3), ("b", 1)], 1).unwrap();
        let firsts = (0..COHORTS).filter(|&cohort| table.first(cohort) == 0).count();
        assert!(firsts.abs_diff(COHORTS * 3 / 4) < 64, "{firsts}");
        assert!(tables.tabulate(&[("a", 3)], 1).is_none());
        assert!(Tables::new(vec![1]).is_err());
    }
}
