//! What answers of steered names are counted by: `gslb/core/answering/choice.py`.

use std::cell::Cell;

use crate::counts::tally::{Choice, Tallies};

/// Services that one answer can come from: more than aliases are followed.
pub const MAX_CHOICES: usize = 17;

/// Those of one answer: one for each service that its aliases went through, so hardly ever more than one. Made once a
/// worker, so that an answer need not clear it.
#[derive(Debug, Default)]
pub struct Choices {
    count: Cell<usize>,
    held: [Cell<Choice>; MAX_CHOICES],
}

impl Choices {
    /// Forget those of the answer before.
    #[inline]
    pub fn clear(&self) {
        self.count.set(0);
    }

    #[inline]
    pub fn add(&self, choice: Choice) {
        if let Some(free) = self.held.get(self.count.get()) {
            free.set(choice);
            self.count.set(self.count.get() + 1);
        }
    }

    /// Count them all, for an answer that stands for so many `queries`.
    #[inline]
    pub fn count(&self, tallies: &Tallies, worker: usize, queries: u32) {
        for choice in self.held.iter().take(self.count.get()) {
            tallies.count(worker, choice.get(), queries);
        }
    }
}
