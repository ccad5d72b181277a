//! Rules of range maps, and slow twins that say what a map must be.

use std::collections::BTreeSet;

use geo_core::{Loading, Ranges, coarsened, pieces};

/// A map that can be asked: (start, class) of each range by address.
pub type Plain = Vec<(u128, u32)>;

/// The map as it is, if it is one of a space of `width` bits.
///
/// # Panics
/// When it breaks a rule of maps.
pub fn plain(ranges: &Ranges, width: u32) -> Plain {
    let plain: Plain = ranges.iter().collect();
    assert!(plain.first().is_some_and(|&(start, _)| start == 0), "a map does not begin at 0");
    assert!(plain.iter().all(|&(start, _)| start <= last_of(width)), "a map ends outside of its space");
    for pair in plain.windows(2) {
        assert!(pair[0].0 < pair[1].0, "starts do not rise");
        assert!(pair[0].1 != pair[1].1, "neighbours are of one class");
    }
    plain
}

fn last_of(width: u32) -> u128 {
    u128::MAX >> (128 - width)
}

/// The class of an address.
pub fn class_of(plain: &Plain, address: u128) -> u32 {
    plain[plain.partition_point(|&(start, _)| start <= address) - 1].1
}

/// # Panics
/// When the map is another one after it was written and read.
pub fn check_pieces(ranges: &Ranges, width: u32) {
    let mut loading = Loading::new(width, u32::MAX);
    for piece in pieces(ranges, width) {
        let classes = &ranges.classes()[piece.first..piece.end];
        loading.take(piece.unit_bits, &piece.deltas, classes).expect("a piece that was written is refused");
    }
    assert!(loading.finish().expect("what was written is no map") == *ranges, "a map is another one when read again");
}

/// # Panics
/// When a block of `1 << idle` addresses is of another class than most of its addresses are.
pub fn check_coarsened(ranges: &Ranges, idle: u32, width: u32) {
    let (fine, coarse) = (plain(ranges, width), plain(&coarsened(ranges, idle, width), width));
    let mask = (1 << idle) - 1;
    assert!(coarse.iter().all(|&(start, _)| start & mask == 0), "a block is cut");
    for first in fine.iter().chain(&coarse).map(|&(start, _)| start & !mask).collect::<BTreeSet<u128>>() {
        assert!(class_of(&coarse, first) == most(&fine, first, first | mask), "a block is of another class");
    }
}

/// The class that covers most of the addresses, of equal ones the first by address.
fn most(plain: &Plain, first: u128, last: u128) -> u32 {
    let inside = plain.iter().map(|&(start, _)| start).filter(|&start| first < start && start <= last);
    let starts: Vec<u128> = [first].into_iter().chain(inside).collect();
    let mut covered: Vec<(u32, u128)> = Vec::new();
    for (at, &start) in starts.iter().enumerate() {
        let (class, size) = (class_of(plain, start), starts.get(at + 1).map_or(last - start + 1, |next| next - start));
        match covered.iter_mut().find(|(known, _)| *known == class) {
            Some((_, sum)) => *sum += size,
            None => covered.push((class, size)),
        }
    }
    let largest = covered.iter().map(|&(_, size)| size).max().unwrap();
    covered.iter().find(|&&(_, size)| size == largest).unwrap().0
}
