//! The search tree of a MaxMind DB file (format 2.0): a binary tree over address bits, cut into ranges.

use thiserror::Error;

use crate::ranges::Ranges;

/// A way through the tree is longer than an address, or the whole larger than the tree has nodes.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("it is damaged: its tree runs in circles")]
pub struct Circles;

/// The octets of a tree as its metadata describe it. Whatever they hold, reading them ends.
pub struct Tree<'a> {
    octets: &'a [u8],
    nodes: u32,
    record_bits: u32,
}

impl<'a> Tree<'a> {
    /// None where `octets` are fewer than so many nodes take, or records are not of 24, 28 or 32 bits.
    pub fn new(octets: &'a [u8], nodes: u32, record_bits: u32) -> Option<Self> {
        let is_known = matches!(record_bits, 24 | 28 | 32);
        let size = u64::from(nodes) * u64::from(record_bits) / 4;
        if is_known && octets.len() as u64 >= size { Some(Self { octets, nodes, record_bits }) } else { None }
    }

    /// Leaves by address below `root`, `width` bits deep, without the subtree of `alias`. Classes name data records as
    /// the tree does; 0 = nothing known.
    pub fn ranges(&self, root: u32, width: u32, alias: Option<u32>) -> Result<Ranges, Circles> {
        let mut found = Ranges::default();
        let mut pending = vec![(root, 0_u128, width)];
        let mut visited = 0_u32;
        while let Some((mut record, first, mut height)) = pending.pop() {
            while record < self.nodes && Some(record) != alias {
                height = height.checked_sub(1).ok_or(Circles)?;
                visited += 1;
                if visited > self.nodes {
                    return Err(Circles);
                }
                let (left, right) = self.node(record).ok_or(Circles)?;
                pending.push((right, first | 1 << height, height));
                record = left;
            }
            found.push(first, record.saturating_sub(self.nodes));
        }
        found.shrink();
        Ok(found)
    }

    /// The node at which the addresses that begin with `bits` zeros lie.
    pub fn left(&self, bits: u32) -> u32 {
        (0..bits).fold(0, |node, _| self.node(node).map_or(node, |(left, _)| left))
    }

    /// Left and right record; None for what is no node.
    fn node(&self, number: u32) -> Option<(u32, u32)> {
        if number >= self.nodes {
            return None;
        }
        let size = self.record_bits as usize / 4;
        let octets = self.octets.get(number as usize * size..)?;
        match (self.record_bits, octets) {
            (24, &[a, b, c, d, e, f, ..]) => Some((wide(0, a, b, c), wide(0, d, e, f))),
            (28, &[a, b, c, both, d, e, f, ..]) => Some((wide(both >> 4, a, b, c), wide(both & 15, d, e, f))),
            (32, &[a, b, c, d, e, f, g, h, ..]) => Some((wide(a, b, c, d), wide(e, f, g, h))),
            _ => None,
        }
    }
}

fn wide(a: u8, b: u8, c: u8, d: u8) -> u32 {
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_all_sizes_are_read() {
        let expected: Ranges = [(0, 0), (1 << 30, 9), (1 << 31, 7)].into_iter().collect();
        let of_24 = [0, 0, 1, 0, 0, 9, 0, 0, 2, 0, 0, 11];
        let of_28 = [0, 0, 1, 0, 0, 0, 9, 0, 0, 2, 0, 0, 0, 11];
        let of_32 = [0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 11];
        for (octets, bits) in [(&of_24[..], 24), (&of_28[..], 28), (&of_32[..], 32)] {
            assert_eq!(Tree::new(octets, 2, bits).unwrap().ranges(0, 32, None), Ok(expected.clone()));
        }
    }

    #[test]
    fn the_top_bits_of_28_stand_in_the_middle() {
        let tree = Tree::new(&[0, 0, 0, 0x5A, 0, 0, 1], 1, 28).unwrap();
        assert_eq!(tree.node(0), Some((0x500_0000, 0xA00_0001)));
    }

    #[test]
    fn what_is_too_short_or_of_no_known_size_is_no_tree() {
        assert!(Tree::new(&[0; 11], 2, 24).is_none());
        assert!(Tree::new(&[0; 100], 2, 16).is_none());
        assert!(Tree::new(&[0; 100], u32::MAX, 32).is_none());
    }

    #[test]
    fn a_tree_that_leads_back_ends() {
        assert_eq!(Tree::new(&[0; 6], 1, 24).unwrap().ranges(0, 32, None), Err(Circles));
        // Two ways to one node: the tree is larger than its nodes
        let octets = [0, 0, 1, 0, 0, 1, 0, 0, 2, 0, 0, 2, 0, 0, 9, 0, 0, 9];
        assert_eq!(Tree::new(&octets, 3, 24).unwrap().ranges(0, 32, None), Err(Circles));
        assert_eq!(Tree::new(&[0; 6], 1, 24).unwrap().left(96), 0);
    }
}
