//! What the workers count of one snapshot's services: answers by service and pool, and demand.
//!
//! Every worker has memory of its own, so that counting disturbs no other, and anyone can read it meanwhile. Answers have
//! a counter for each service and pool, whose place the snapshot settles: to count is to add one, wherever that is, and
//! nothing waits for it. The counters outlive the snapshot, until what they say has been carried over.

use std::sync::{Mutex, OnceLock, PoisonError};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::counts::demand::{Count, Demand, Sums};
use crate::counts::stats::Counter;

/// Counters of a worker; services beyond that share the last one.
const MAX_SLOTS: usize = 1 << 22;
/// Workers that count apart; any more would share with the first ones, and lose counts to each other.
const MAX_WORKERS: usize = 1_024;

/// Instead of a pool: the answer came from none.
pub const NO_POOL: u32 = u32::MAX;

/// What answered a class of a service's clients. `place`: of the counter of the service and the pool, or of no pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub service: u32,
    pub class: u32,
    pub place: u32,
}

/// All workers' tallies of one snapshot.
pub struct Tallies {
    layout: Layout,
    seed: u64,
    workers: Box<[OnceLock<Box<Tally>>]>,
    /// One reader of demand at a time.
    reading: Mutex<()>,
}

/// One worker's.
struct Tally {
    answers: Box<[Counter]>,
    demand: Demand,
}

/// Answers so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// All of them.
    pub total: u64,
    /// Those of the pairs that were asked for.
    pub known: Vec<u64>,
    /// The largest of the others, without zeros.
    pub others: Vec<Count>,
    /// How many others are left.
    pub more: usize,
}

impl Tallies {
    pub(crate) fn new(layout: Layout, seed: u64) -> Self {
        let workers = (0..MAX_WORKERS).map(|_| OnceLock::new()).collect();
        Self { layout, seed, workers, reading: Mutex::new(()) }
    }

    /// Make the memory of a worker, so that it does not have to.
    pub fn lay_ready(&self, worker: usize) {
        self.of(worker);
    }

    #[inline]
    fn of(&self, worker: usize) -> Option<&Tally> {
        let tally = self.workers.get(worker % MAX_WORKERS)?;
        Some(match tally.get() {
            Some(tally) => tally,
            None => self.make(tally),
        })
    }

    #[cold]
    fn make<'t>(&self, tally: &'t OnceLock<Box<Tally>>) -> &'t Tally {
        tally.get_or_init(|| {
            let answers = (0..self.layout.len()).map(|_| Counter::default()).collect();
            Box::new(Tally { answers, demand: Demand::new(self.seed) })
        })
    }

    /// What a worker counted of a service at its first counter; read ahead, so that counting need not wait for it.
    #[inline]
    pub(crate) fn first(&self, worker: usize, place: u32) -> u64 {
        let tally = self.workers.get(worker % MAX_WORKERS).and_then(OnceLock::get);
        tally.and_then(|tally| tally.answers.get(place as usize)).map_or(0, Counter::get)
    }

    /// Count an answer, as so many `queries` in the demand; only that worker may do so.
    #[inline]
    pub(crate) fn count(&self, worker: usize, choice: Choice, queries: u32) {
        let Some(tally) = self.of(worker) else { return };
        if let Some(counter) = tally.answers.get((choice.place as usize).min(MAX_SLOTS - 1)) {
            counter.add(1);
        }
        if queries > 0 {
            tally.demand.count(choice.service, choice.class, queries);
        }
    }

    /// Answers of all workers so far: those of `known` pairs of service and pool, and the largest of the others.
    pub fn answers(&self, known: &[(u32, u32)], most_others: usize) -> Answers {
        let mut sums = vec![0_u64; self.layout.len()];
        for tally in self.workers.iter().filter_map(OnceLock::get) {
            sums.iter_mut().zip(&tally.answers).for_each(|(sum, counter)| *sum += counter.get());
        }
        let total = sums.iter().sum();
        let mut take = |&(service, pool)| sums.get_mut(self.layout.slot(service, pool)).map_or(0, std::mem::take);
        let known = known.iter().map(&mut take).collect();
        let left = self.layout.named(&sums).count();
        let mut others: Vec<Count> = if most_others > 0 { self.layout.named(&sums).collect() } else { Vec::new() };
        others.sort_unstable_by_key(|&(service, pool, count)| (std::cmp::Reverse(count), service, pool));
        others.truncate(most_others);
        Answers { total, known, others, more: left.saturating_sub(most_others) }
    }

    /// What all workers were asked for since the last call: the largest, and the rest added up.
    pub fn take_demand(&self, most: usize) -> (Vec<Count>, u64) {
        let _alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sums = Sums::default();
        for tally in self.workers.iter().filter_map(OnceLock::get) {
            tally.demand.take(&mut sums);
        }
        sums.largest(most)
    }
}

/// Where each pair of service and pool is counted; services that are offered the same pools share the list of them.
#[derive(Default)]
pub(crate) struct Layout {
    services: Vec<Slots>,
    pools: Vec<u32>,
    known: HashMap<Box<[u32]>, (u32, u32), FixedState>,
    len: usize,
}

/// A service's counters: `first` for answers from no pool, then one for each of its pools, which are sorted.
#[derive(Clone, Copy)]
struct Slots {
    first: u32,
    pools: (u32, u32),
}

impl Layout {
    /// Add the next service.
    pub fn add(&mut self, mut pools: Vec<u32>) {
        pools.sort_unstable();
        pools.dedup();
        let slots = pools.len() + 1;
        let listed = *self.known.entry(pools.into()).or_insert_with_key(|pools| {
            let start = self.pools.len();
            self.pools.extend_from_slice(pools);
            (start as u32, self.pools.len() as u32)
        });
        let last = MAX_SLOTS - 1;
        let first = if self.len + slots <= last { self.len } else { last };
        self.len = (first + slots).min(MAX_SLOTS);
        self.services.push(Slots { first: first as u32, pools: listed });
    }

    fn len(&self) -> usize {
        self.len
    }

    fn pools(&self, slots: &Slots) -> &[u32] {
        let (start, end) = slots.pools;
        self.pools.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The counter of a service's answers from no pool; those of its pools follow by their rank.
    pub fn first(&self, service: usize) -> u32 {
        self.services.get(service).map_or(u32::MAX, |slots| slots.first)
    }

    /// How far behind its service's first counter that of a pool is: 0 for none, otherwise from 1.
    pub fn rank(&self, service: usize, pool: u32) -> u32 {
        match self.services.get(service) {
            Some(slots) if pool != NO_POOL => self.pools(slots).partition_point(|&held| held <= pool) as u32,
            _ => 0,
        }
    }

    fn slot(&self, service: u32, pool: u32) -> usize {
        let place = self.first(service as usize).saturating_add(self.rank(service as usize, pool));
        (place as usize).min(MAX_SLOTS - 1)
    }

    /// What is not zero, of services that do not share their counter.
    fn named<'a>(&'a self, sums: &'a [u64]) -> impl Iterator<Item = Count> + 'a {
        let alone = (0..).zip(&self.services).filter(|(_, slots)| (slots.first as usize) < MAX_SLOTS - 1);
        alone.flat_map(move |(service, slots)| {
            let pools = [NO_POOL].into_iter().chain(self.pools(slots).iter().copied());
            let counts = sums.get(slots.first as usize..).unwrap_or_default();
            pools.zip(counts).filter(|&(_, &count)| count > 0).map(move |(pool, &count)| (service, pool, count))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn tallies(services: impl IntoIterator<Item = Vec<u32>>) -> Tallies {
        let mut layout = Layout::default();
        services.into_iter().for_each(|pools| layout.add(pools));
        Tallies::new(layout, 7)
    }

    fn choice(tallies: &Tallies, service: u32, class: u32, pool: u32) -> Choice {
        Choice { service, class, place: tallies.layout.slot(service, pool) as u32 }
    }

    #[test]
    fn every_pair_has_a_counter_of_its_own() {
        let tallies = tallies([vec![9, 4, 9], vec![], vec![4, 9], vec![0]]);
        let pairs = [(0, NO_POOL), (0, 4), (0, 9), (1, NO_POOL), (2, NO_POOL), (2, 4), (2, 9), (3, NO_POOL), (3, 0)];
        for (times, &(service, pool)) in (1..).zip(&pairs) {
            (0..times).for_each(|worker| tallies.count(worker % 3, choice(&tallies, service, 0, pool), 1));
        }
        let found = tallies.answers(&pairs, 10);
        assert_eq!((found.total, found.known), (45, (1..=9).collect()));
        assert_eq!((found.others, found.more), (vec![], 0));
        let found = tallies.answers(&pairs[..7], 1);
        assert_eq!((found.others, found.more), (vec![(3, 0, 9)], 1));
        assert_eq!(tallies.layout.pools, [4, 9, 0]);
    }

    #[test]
    fn services_beyond_the_last_slot_are_counted_together() {
        let each = MAX_SLOTS as u32 / 4;
        let tallies = tallies((0..6).map(|_| (0..each - 1).collect()));
        for service in 0..6 {
            for pool in [5, NO_POOL] {
                tallies.count(0, choice(&tallies, service, 0, pool), 1);
            }
        }
        let found = tallies.answers(&[], 100);
        assert_eq!((found.total, found.others.len()), (12, 6));
        assert_eq!(tallies.layout.len(), MAX_SLOTS);
    }

    /// Two readers and three workers at once: no answer and no demand is lost or counted twice.
    #[test]
    fn sums_are_exact_while_workers_count() {
        const EACH: u32 = 100_000;
        let tallies = tallies((0..500).map(|_| vec![0]));
        let working = AtomicUsize::new(3);
        let sum = |(named, other): (Vec<Count>, u64)| other + named.iter().map(|&(.., count)| count).sum::<u64>();
        let demand: u64 = std::thread::scope(|scope| {
            for worker in 0..3 {
                let (tallies, working) = (&tallies, &working);
                scope.spawn(move || {
                    let choice = |number| choice(tallies, number % 500, number % 70, 0);
                    (0..EACH).for_each(|number| tallies.count(worker, choice(number), 1));
                    working.fetch_sub(1, Ordering::Release);
                });
            }
            let read = || {
                let mut demand = 0;
                while working.load(Ordering::Acquire) > 0 {
                    demand += sum(tallies.take_demand(10));
                }
                demand
            };
            let readers = [scope.spawn(read), scope.spawn(read)];
            readers.into_iter().map(|reader| reader.join().unwrap()).sum()
        });
        assert_eq!(demand + sum(tallies.take_demand(0)), u64::from(3 * EACH));
        assert_eq!(tallies.answers(&[], 0).total, u64::from(3 * EACH));
    }
}
