//! Range maps in the pieces that a snapshot's chunks carry, and back.

use crate::ranges::{Invalid, Ranges};

/// Of the ranges from `first` up to `end`.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// Index of the first range.
    pub first: usize,
    /// Index behind the last range.
    pub end: usize,
    /// Starts count in blocks of so many bits.
    pub unit_bits: u32,
    /// Base-128 numbers, the highest group first, each the difference to the start before it.
    pub deltas: Vec<u8>,
}

const MAX_PIECE_RANGES: usize = 32_768;
const PRIME: u128 = (1 << 61) - 1;
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
/// A piece begins at one start of 4,096, wherever the others are (multiplicative hashing).
const BORDER: u64 = 1 << (64 - 12);

/// All of `ranges`, of a space of `width` bits.
pub fn pieces(ranges: &Ranges, width: u32) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut first = 0;
    for at in 1..=ranges.len() {
        if at == ranges.len() || at - first == MAX_PIECE_RANGES || ranges.start(at).is_some_and(is_border) {
            found.push(piece(ranges, first, at, width));
            first = at;
        }
    }
    found
}

fn is_border(start: u128) -> bool {
    let folded = u64::try_from(start).map_or_else(|_| (start % PRIME) as u64, |small| small % PRIME as u64);
    folded.wrapping_mul(ODD) < BORDER
}

fn piece(ranges: &Ranges, first: usize, end: usize, width: u32) -> Piece {
    let starts = || (first..end).map_while(|at| ranges.start(at));
    let used = starts().fold(0, |used, start| used | start);
    let idle = used.trailing_zeros().min(width);
    let mut deltas = Vec::new();
    let mut before = 0;
    for start in starts().map(|start| start.checked_shr(idle).unwrap_or(0)) {
        encode(start - before, &mut deltas);
        before = start;
    }
    Piece { first, end, unit_bits: width - idle, deltas }
}

fn encode(number: u128, into: &mut Vec<u8>) {
    let groups = (128 - number.leading_zeros()).div_ceil(7).max(1);
    for group in (0..groups).rev() {
        let bits = (number >> (7 * group) & 127) as u8;
        into.push(if group > 0 { bits | 128 } else { bits });
    }
}

/// A map as far as its pieces have come; every one is checked, as they come from elsewhere.
pub struct Loading {
    ranges: Ranges,
    width: u32,
    classes: u32,
    last: Option<u128>,
}

impl Loading {
    /// Of a space of `width` bits (at most 128), with classes below `classes`.
    pub fn new(width: u32, classes: u32) -> Self {
        Self { ranges: Ranges::default(), width, classes, last: None }
    }

    /// The next piece.
    pub fn take(&mut self, unit_bits: u32, deltas: &[u8], classes: &[u32]) -> Result<(), Invalid> {
        let idle = self.width.checked_sub(unit_bits).ok_or(Invalid::Order)?;
        let mut classes = classes.iter();
        let (mut sum, mut number, mut is_open) = (0_u128, 0_u128, false);
        for &octet in deltas {
            if number.leading_zeros() < 7 {
                return Err(Invalid::Number);
            }
            number = number << 7 | u128::from(octet & 127);
            is_open = octet >= 128;
            if !is_open {
                sum = sum.checked_add(number).ok_or(Invalid::Number)?;
                self.add(sum, idle, *classes.next().ok_or(Invalid::Count)?)?;
                number = 0;
            }
        }
        if is_open {
            return Err(Invalid::Number);
        }
        if classes.next().is_some() { Err(Invalid::Count) } else { Ok(()) }
    }

    fn add(&mut self, units: u128, idle: u32, class: u32) -> Result<(), Invalid> {
        let start = units.checked_shl(idle).unwrap_or(0);
        let fits = start.checked_shr(idle).unwrap_or(0) == units && start.checked_shr(self.width).unwrap_or(0) == 0;
        let rises = self.last.map_or(start == 0, |last| last < start);
        if !fits || !rises {
            return Err(Invalid::Order);
        }
        if class >= self.classes {
            return Err(Invalid::Class);
        }
        if self.ranges.classes().last() == Some(&class) {
            return Err(Invalid::Neighbours);
        }
        self.ranges.push(start, class);
        self.last = Some(start);
        Ok(())
    }

    /// The whole map.
    pub fn finish(mut self) -> Result<Ranges, Invalid> {
        if self.ranges.is_empty() {
            return Err(Invalid::Order);
        }
        self.ranges.shrink();
        Ok(self.ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(width: u32, pieces: &[(u32, &[u8], &[u32])]) -> Result<Ranges, Invalid> {
        let mut loading = Loading::new(width, 3);
        for (unit_bits, deltas, classes) in pieces {
            loading.take(*unit_bits, deltas, classes)?;
        }
        loading.finish()
    }

    #[test]
    fn what_was_written_is_read() {
        for (width, idle) in [(32, 0), (32, 8), (128, 0), (128, 72)] {
            let starts: Vec<u128> = (0..20_000_u128).map(|at| (at * at * 3 % (1 << 24)) << idle).collect();
            let mut starts: Vec<u128> = starts.into_iter().chain([0, 127 << idle, 128 << idle]).collect();
            starts.sort_unstable();
            starts.dedup();
            let classes: Vec<u32> = (0..starts.len() as u32).map(|at| at % 3).collect();
            let ranges = Ranges::new(&starts, &classes).unwrap();
            let mut loading = Loading::new(width, 3);
            let written = pieces(&ranges, width);
            assert!(written.len() > 1);
            for piece in &written {
                loading.take(piece.unit_bits, &piece.deltas, &classes[piece.first..piece.end]).unwrap();
            }
            assert_eq!(loading.finish().unwrap(), ranges);
        }
    }

    #[test]
    fn long_runs_are_cut() {
        let starts: Vec<u128> = (0..80_000).filter(|&start| start == 0 || !is_border(start)).collect();
        let classes: Vec<u32> = (0..starts.len() as u32).collect();
        let found = pieces(&Ranges::new(&starts, &classes).unwrap(), 32);
        assert_eq!(found[0].end, MAX_PIECE_RANGES);
        assert_eq!(found.last().unwrap().end, starts.len());
    }

    #[test]
    fn hostile_pieces_are_refused() {
        assert!(loaded(32, &[(24, &[0, 1], &[0, 1])]).is_ok());
        assert_eq!(loaded(32, &[]), Err(Invalid::Order));
        assert_eq!(loaded(32, &[(24, &[1], &[0])]), Err(Invalid::Order));
        assert_eq!(loaded(32, &[(24, &[0, 0], &[0, 1])]), Err(Invalid::Order));
        assert_eq!(loaded(32, &[(33, &[0], &[0])]), Err(Invalid::Order));
        assert_eq!(loaded(32, &[(0, &[0, 1], &[0, 1])]), Err(Invalid::Order));
        assert_eq!(loaded(128, &[(0, &[0, 1], &[0, 1])]), Err(Invalid::Order));
        assert_eq!(loaded(32, &[(24, &[0, 0x88, 0x80, 0x80, 0], &[0, 1])]), Err(Invalid::Order)); // 2^24
        assert_eq!(loaded(32, &[(24, &[0, 129], &[0])]), Err(Invalid::Number));
        assert_eq!(loaded(128, &[(128, &[255; 40], &[0])]), Err(Invalid::Number));
        assert_eq!(loaded(32, &[(24, &[0, 1], &[0])]), Err(Invalid::Count));
        assert_eq!(loaded(32, &[(24, &[0], &[0, 1])]), Err(Invalid::Count));
        assert_eq!(loaded(32, &[(24, &[0, 1], &[0, 3])]), Err(Invalid::Class));
        assert_eq!(loaded(32, &[(24, &[0, 1], &[1, 1])]), Err(Invalid::Neighbours));
    }
}
