//! Demand by service and class: which of them one worker was asked for, and how often, since somebody looked last.
//!
//! A hash table small enough to stay in the cache, however many names there are. A reader takes away what is new about
//! once a second, without stopping anyone. There are two tables: the worker writes one of them until the reader wants
//! the other written, then empties that one and moves over. What finds no room is counted without its key.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// What was counted of a service, and a pool or class.
pub type Count = (u32, u32, u64);

/// Pairs of service and class that a worker tells apart between two looks.
pub const MAX_KEYS: usize = 8_192;

/// One worker's.
pub struct Demand {
    /// Which table should be written: its lowest bit. Only the reader changes it.
    wanted: AtomicU32,
    /// Which table is written. Only the worker changes it.
    written: AtomicU32,
    even: Table,
    odd: Table,
}

impl Demand {
    pub fn new(seed: u64) -> Self {
        let table = || Table::new(MAX_KEYS, seed);
        Self { wanted: AtomicU32::new(0), written: AtomicU32::new(0), even: table(), odd: table() }
    }

    fn table(&self, number: u32) -> &Table {
        if number & 1 == 0 { &self.even } else { &self.odd }
    }

    /// Count `queries`; only the worker may do that.
    #[inline(never)] // so seldom that answering had better not hold it
    pub fn count(&self, service: u32, class: u32, queries: u32) {
        let wanted = self.wanted.load(Ordering::Acquire);
        let table = self.table(wanted);
        if wanted != self.written.load(Ordering::Relaxed) {
            table.clear();
            self.written.store(wanted, Ordering::Release);
        }
        table.count(key(service, class), queries);
    }

    /// Add what is new to `sums`; only one reader at a time may do that.
    pub fn take(&self, sums: &mut Sums) {
        let wanted = self.wanted.load(Ordering::Relaxed);
        let has_moved = self.written.load(Ordering::Acquire) == wanted;
        // The one before: left for good, or still written
        self.table(wanted.wrapping_add(1)).take(sums);
        if has_moved {
            self.table(wanted).take(sums);
            self.wanted.store(wanted.wrapping_add(1), Ordering::Release);
        }
    }
}

/// Open addressing, at most half full.
struct Table {
    entries: Box<[Entry]>,
    room: u32,
    used: AtomicU32,
    seed: u64,
    /// What found no room.
    other: Entry,
}

/// `count` is the worker's and rises, `taken` is how much of it the reader has taken. Key 0: nobody's.
#[derive(Default)]
struct Entry {
    key: AtomicU64,
    count: AtomicU32,
    taken: AtomicU32,
}

impl Table {
    fn new(keys: usize, seed: u64) -> Self {
        let entries = (0..(2 * keys).next_power_of_two()).map(|_| Entry::default()).collect();
        Self { entries, room: keys as u32, used: AtomicU32::new(0), seed, other: Entry::default() }
    }

    fn count(&self, key: u64, queries: u32) {
        let mask = self.entries.len().wrapping_sub(1);
        let mut at = hash(key, self.seed);
        while let Some(entry) = self.entries.get(at & mask) {
            match entry.key.load(Ordering::Relaxed) {
                0 => return self.count_new(entry, key, queries),
                held if held == key => return entry.add(queries),
                _ => at = at.wrapping_add(1),
            }
        }
    }

    fn count_new(&self, entry: &Entry, key: u64, queries: u32) {
        let used = self.used.load(Ordering::Relaxed);
        if used >= self.room {
            return self.other.add(queries);
        }
        self.used.store(used + 1, Ordering::Relaxed);
        entry.key.store(key, Ordering::Release);
        entry.add(queries);
    }

    fn clear(&self) {
        for entry in self.entries.iter().chain([&self.other]) {
            entry.key.store(0, Ordering::Relaxed);
            entry.count.store(0, Ordering::Relaxed);
            entry.taken.store(0, Ordering::Relaxed);
        }
        self.used.store(0, Ordering::Relaxed);
    }

    fn take(&self, sums: &mut Sums) {
        for entry in &self.entries {
            let key = entry.key.load(Ordering::Acquire);
            if key != 0 {
                sums.add(key, entry.take());
            }
        }
        sums.other += u64::from(self.other.take());
    }
}

impl Entry {
    fn add(&self, more: u32) {
        self.count.store(self.count.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    fn take(&self) -> u32 {
        let count = self.count.load(Ordering::Relaxed);
        let before = self.taken.load(Ordering::Relaxed);
        self.taken.store(count, Ordering::Relaxed);
        count.wrapping_sub(before)
    }
}

/// Never 0, since a snapshot never has as many services as there are numbers.
fn key(service: u32, class: u32) -> u64 {
    u64::from(service.wrapping_add(1)) << 32 | u64::from(class)
}

fn hash(key: u64, seed: u64) -> usize {
    let product = u128::from(key ^ seed) * u128::from(0x9E37_79B9_7F4A_7C15_u64);
    (product as u64 ^ (product >> 64) as u64) as usize
}

/// Sums over workers.
#[derive(Default)]
pub struct Sums {
    by_key: HashMap<u64, u64, FixedState>,
    other: u64,
}

impl Sums {
    fn add(&mut self, key: u64, more: u32) {
        if more > 0 {
            *self.by_key.entry(key).or_default() += u64::from(more);
        }
    }

    /// The largest, at most so many, and the rest added up.
    pub fn largest(self, most: usize) -> (Vec<Count>, u64) {
        let mut sorted: Vec<(u64, u64)> = self.by_key.into_iter().collect();
        sorted.sort_unstable_by_key(|&(key, count)| (std::cmp::Reverse(count), key));
        let rest: u64 = sorted.iter().skip(most).map(|&(_, count)| count).sum();
        let named = sorted.into_iter().take(most);
        let counts = named.map(|(key, count)| (((key >> 32) as u32).wrapping_sub(1), key as u32, count)).collect();
        (counts, self.other + rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(demand: &Demand, most: usize) -> (Vec<Count>, u64) {
        let mut sums = Sums::default();
        demand.take(&mut sums);
        sums.largest(most)
    }

    #[test]
    fn what_was_counted_is_taken_once() {
        let demand = Demand::new(7);
        for turn in 0..5 {
            demand.count(3, 9, 1);
            demand.count(3, 9, 16);
            demand.count(0, 0, 1);
            assert_eq!(taken(&demand, 10), (vec![(3, 9, 17), (0, 0, 1)], 0), "{turn}");
        }
        assert_eq!(taken(&demand, 10), (vec![], 0));
    }

    #[test]
    fn an_idle_worker_is_read_without_its_help() {
        let demand = Demand::new(7);
        demand.count(1, 1, 1);
        assert_eq!(taken(&demand, 10).0, [(1, 1, 1)]);
        for _ in 0..5 {
            assert_eq!(taken(&demand, 10), (vec![], 0));
        }
        demand.count(1, 1, 1);
        assert_eq!(taken(&demand, 10).0, [(1, 1, 1)]);
    }

    #[test]
    fn what_finds_no_room_is_counted_without_its_key() {
        let demand = Demand::new(7);
        for _ in 0..2 {
            for service in 0..10_000 {
                demand.count(service, 0, 1);
            }
            let (named, other) = taken(&demand, usize::MAX);
            assert_eq!((named.len(), other), (MAX_KEYS, 10_000 - MAX_KEYS as u64));
        }
    }

    #[test]
    fn the_largest_are_named_and_the_rest_added_up() {
        let demand = Demand::new(7);
        (0..10).for_each(|service| demand.count(service, 2, service + 1));
        assert_eq!(taken(&demand, 3), (vec![(9, 2, 10), (8, 2, 9), (7, 2, 8)], 28));
    }
}
