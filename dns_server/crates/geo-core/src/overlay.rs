//! One map laid over another, and a map as someone sees it who knows only the first bits of an address.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::ranges::Ranges;

/// The map whose classes number the distinct (class in `base`, class in `over`) pairs by first appearance; and these.
pub fn paired(base: &Ranges, over: &Ranges) -> (Ranges, Vec<(u32, u32)>) {
    let mut pairs = Vec::new();
    let mut numbers = HashMap::with_hasher(FixedState::default());
    let mut joined = Ranges::default();
    let (mut below, mut above) = (base.iter().peekable(), over.iter().peekable());
    let mut pair = (0, 0);
    while let Some(start) = below.peek().into_iter().chain(above.peek()).map(|&(start, _)| start).min() {
        if let Some((_, class)) = below.next_if(|&(next, _)| next == start) {
            pair.0 = class;
        }
        if let Some((_, class)) = above.next_if(|&(next, _)| next == start) {
            pair.1 = class;
        }
        let number = *numbers.entry(pair).or_insert_with(|| {
            pairs.push(pair);
            (pairs.len() - 1) as u32
        });
        joined.push(start, number);
    }
    joined.shrink();
    (joined, pairs)
}

/// `ranges` by blocks of `1 << idle` addresses (idle < 128) in a space of `width` bits.
///
/// A block that is cut inside takes the class that covers most of it, of equal ones the first by address.
pub fn coarsened(ranges: &Ranges, idle: u32, width: u32) -> Ranges {
    let mask = 1_u128.checked_shl(idle).map_or(u128::MAX, |size| size - 1);
    let end_of_space = u128::MAX.checked_shr(128_u32.saturating_sub(width)).unwrap_or(0);
    let mut coarse = Ranges::default();
    let mut following = ranges.iter().peekable();
    let mut held = 0;
    while let Some((start, class)) = following.next() {
        if start & mask == 0 {
            coarse.put(start, class);
            held = class;
            continue;
        }
        let (first, last) = (start & !mask, start | mask);
        let mut block = Covered::default();
        block.add(held, start - first);
        (block.edge, held) = (start, class);
        while let Some((start, class)) = following.next_if(|&(start, _)| start <= last) {
            block.add(held, start - block.edge);
            (block.edge, held) = (start, class);
        }
        block.add(held, last - block.edge + 1);
        coarse.put(first, block.most());
        if last < end_of_space {
            coarse.put(last + 1, held);
        }
    }
    coarse.shrink();
    coarse
}

/// How many addresses of one block each class covers.
#[derive(Default)]
struct Covered {
    /// Where the range begins that is not counted yet.
    edge: u128,
    /// By class: (addresses, how many classes came before it).
    sizes: BTreeMap<u32, (u128, usize)>,
}

impl Covered {
    fn add(&mut self, class: u32, size: u128) {
        let next = self.sizes.len();
        self.sizes.entry(class).or_insert((0, next)).0 += size;
    }

    fn most(&self) -> u32 {
        let most = self.sizes.iter().max_by_key(|(_, (size, rank))| (*size, usize::MAX - rank));
        most.map_or(0, |(&class, _)| class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(ranges: &[(u128, u32)]) -> Ranges {
        ranges.iter().copied().collect()
    }

    #[test]
    fn pairs_are_numbered_as_they_appear() {
        let (joined, pairs) =
            paired(&map(&[(0, 5), (8, 6), (20, 5)]), &map(&[(0, 0), (4, 1), (8, 0), (20, 0), (30, 1)]));
        assert_eq!(pairs, [(5, 0), (5, 1), (6, 0)]);
        assert_eq!(joined, map(&[(0, 0), (4, 1), (8, 2), (20, 0), (30, 1)]));
    }

    #[test]
    fn most_of_a_block_decides_and_the_first_of_equal_ones() {
        assert_eq!(coarsened(&map(&[(0, 7), (64, 8), (192, 7)]), 8, 32), map(&[(0, 7)]));
        assert_eq!(coarsened(&map(&[(0, 7), (256, 1), (300, 8)]), 8, 32), map(&[(0, 7), (256, 8)]));
        assert_eq!(coarsened(&map(&[(0, 1), (100, 2), (250, 3), (512, 4)]), 8, 32), map(&[(0, 2), (256, 3), (512, 4)]));
    }

    #[test]
    fn the_end_of_the_space_is_no_border() {
        let top = u128::from(u32::MAX);
        assert_eq!(coarsened(&map(&[(0, 1), (top, 2)]), 8, 32), map(&[(0, 1)]));
        assert_eq!(coarsened(&map(&[(0, 1), (u128::MAX - 70, 2)]), 7, 128), map(&[(0, 1), (u128::MAX - 127, 2)]));
    }
}
