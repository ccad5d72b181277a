//! A map of ranges in little memory: 8 octets a range of IPv4, 20 of IPv6.

use foldhash::fast::FixedState;
use hashbrown::HashSet;
use thiserror::Error;

/// What is not a map of ranges.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Invalid {
    /// The first start, or one that is not above the one before it, or beyond the address space.
    #[error("a class map's ranges must begin at 0, rise and end within the address space")]
    Order,
    /// More or fewer starts than classes.
    #[error("a class map's starts and classes differ in number")]
    Count,
    /// A class that is not there.
    #[error("a class map names a class that its policy does not have")]
    Class,
    /// Two neighbours that should be one range.
    #[error("a class map has neighbours of one class")]
    Neighbours,
    /// Octets that are no numbers.
    #[error("a class map's starts are cut off or longer than any address")]
    Number,
}

/// Addresses are 32 bits wide as long as all of them fit.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Starts {
    Narrow(Vec<u32>),
    Wide(Vec<u128>),
}

/// Range i begins at the i-th start, ends before the next and carries the i-th class. Neighbours differ in class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges {
    starts: Starts,
    classes: Vec<u32>,
}

impl Default for Ranges {
    fn default() -> Self {
        Self { starts: Starts::Narrow(Vec::new()), classes: Vec::new() }
    }
}

impl Ranges {
    /// Starts must rise from 0; neighbours of one class become one range.
    pub fn new(starts: &[u128], classes: &[u32]) -> Result<Self, Invalid> {
        if starts.len() != classes.len() {
            return Err(Invalid::Count);
        }
        if starts.first() != Some(&0) || !starts.is_sorted_by(|one, next| one < next) {
            return Err(Invalid::Order);
        }
        Ok(starts.iter().copied().zip(classes.iter().copied()).collect())
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there is not a single range.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// Where a range begins.
    pub fn start(&self, at: usize) -> Option<u128> {
        match &self.starts {
            Starts::Narrow(starts) => starts.get(at).map(|&start| start.into()),
            Starts::Wide(starts) => starts.get(at).copied(),
        }
    }

    /// What each range carries.
    pub fn classes(&self) -> &[u32] {
        &self.classes
    }

    /// (start, class) of each range by address.
    pub fn iter(&self) -> impl Iterator<Item = (u128, u32)> {
        (0..self.len()).map_while(|at| self.start(at)).zip(self.classes.iter().copied())
    }

    /// Add the range that begins at `start`, above all others; one of the same class as the last belongs to that.
    pub fn push(&mut self, start: u128, class: u32) {
        if self.classes.last() == Some(&class) {
            return;
        }
        match (&mut self.starts, u32::try_from(start)) {
            (Starts::Narrow(starts), Ok(start)) => starts.push(start),
            (Starts::Narrow(starts), Err(_)) => {
                let widened = starts.iter().map(|&start| start.into()).chain([start]);
                self.starts = Starts::Wide(widened.collect());
            }
            (Starts::Wide(starts), _) => starts.push(start),
        }
        self.classes.push(class);
    }

    /// As `push`, in place of the last range if that begins at `start`, too.
    pub fn put(&mut self, start: u128, class: u32) {
        if self.len().checked_sub(1).and_then(|last| self.start(last)) == Some(start) {
            self.classes.pop();
            match &mut self.starts {
                Starts::Narrow(starts) => drop(starts.pop()),
                Starts::Wide(starts) => drop(starts.pop()),
            }
        }
        self.push(start, class);
    }

    /// Only the first range of each class.
    pub fn firsts(&self) -> Self {
        let mut seen = HashSet::with_hasher(FixedState::default());
        self.iter().filter(|&(_, class)| seen.insert(class)).collect()
    }

    /// With `labels[class]` in place of each class; None where there is no such label.
    pub fn relabelled(&self, labels: &[u32]) -> Option<Self> {
        let mut relabelled = Self::default();
        for (start, class) in self.iter() {
            relabelled.push(start, *labels.get(class as usize)?);
        }
        relabelled.shrink();
        Some(relabelled)
    }

    /// Give back the memory that growing took in advance.
    pub fn shrink(&mut self) {
        self.classes.shrink_to_fit();
        match &mut self.starts {
            Starts::Narrow(starts) => starts.shrink_to_fit(),
            Starts::Wide(starts) => starts.shrink_to_fit(),
        }
    }
}

impl FromIterator<(u128, u32)> for Ranges {
    fn from_iter<I: IntoIterator<Item = (u128, u32)>>(ranges: I) -> Self {
        let mut collected = Self::default();
        for (start, class) in ranges {
            collected.push(start, class);
        }
        collected.shrink();
        collected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_rise_from_zero_is_refused() {
        assert_eq!(Ranges::new(&[], &[]), Err(Invalid::Order));
        assert_eq!(Ranges::new(&[1], &[0]), Err(Invalid::Order));
        assert_eq!(Ranges::new(&[0, 5, 5], &[0, 1, 2]), Err(Invalid::Order));
        assert_eq!(Ranges::new(&[0, 5], &[0]), Err(Invalid::Count));
    }

    #[test]
    fn neighbours_of_one_class_are_one_range() {
        let ranges = Ranges::new(&[0, 5, 1 << 40, 1 << 50], &[3, 3, 4, 4]).unwrap();
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [(0, 3), (1 << 40, 4)]);
    }

    #[test]
    fn what_is_put_twice_is_what_it_was_last() {
        for top in [10, 1 << 90] {
            let mut ranges = Ranges::new(&[0, top], &[1, 2]).unwrap();
            ranges.put(top, 3);
            assert_eq!(ranges, Ranges::new(&[0, top], &[1, 3]).unwrap());
            ranges.put(top, 1);
            assert_eq!(ranges.iter().collect::<Vec<_>>(), [(0, 1)]);
        }
    }

    #[test]
    fn a_class_without_a_label_is_refused() {
        let ranges = Ranges::new(&[0, 5, 9], &[0, 1, 2]).unwrap();
        assert_eq!(ranges.relabelled(&[7, 7]), None);
        assert_eq!(ranges.relabelled(&[7, 7, 8]), Some(Ranges::new(&[0, 9], &[7, 8]).unwrap()));
    }
}
