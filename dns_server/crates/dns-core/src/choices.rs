//! What answers of steered names are counted by: `gslb/core/answering/choice.py`.

use std::cell::Cell;

use crate::resolve::MAX_CHAIN;
use crate::tally::Tallies;

/// Instead of a pool: the answer came from none.
pub const NO_POOL: u32 = u32::MAX;

/// What answered a class of a service's clients. `place`: of the counter of the service and the pool, or of no pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub service: u32,
    pub class: u32,
    pub place: u32,
}

/// Those of one answer: one for each service that its aliases went through, so hardly ever more than one.
#[derive(Default)]
pub struct Choices {
    first: Cell<Option<Choice>>,
    others: Cell<Option<[Option<Choice>; MAX_CHAIN]>>,
}

impl Choices {
    #[inline]
    pub fn add(&self, choice: Choice) {
        if self.first.get().is_none() {
            self.first.set(Some(choice));
        } else {
            self.add_other(choice);
        }
    }

    #[cold]
    fn add_other(&self, choice: Choice) {
        let mut others = self.others.get().unwrap_or_default();
        if let Some(free) = others.iter_mut().find(|other| other.is_none()) {
            *free = Some(choice);
        }
        self.others.set(Some(others));
    }

    /// Count them all, for an answer that stands for so many `queries`.
    #[inline]
    pub fn count(&self, tallies: &Tallies, worker: usize, queries: u32) {
        if let Some(choice) = self.first.get() {
            tallies.count(worker, choice, queries);
            if let Some(others) = self.others.get() {
                others.iter().flatten().for_each(|&choice| tallies.count(worker, choice, queries));
            }
        }
    }
}
