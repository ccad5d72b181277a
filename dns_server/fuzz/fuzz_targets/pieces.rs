//! Whatever pieces of a class map may hold: the width of the space in an octet, the number of classes in one, then piece
//! by piece the bits of its blocks, how many octets of starts and how many classes come, and these.
//!
//! What loads is a map of that space with such classes, and the same map when it is written and read again.
#![no_main]

use dns_fuzz::maps::{check_pieces, plain};
use geo_core::{Loading, Ranges};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&[width, classes], rest)) = input.split_first_chunk::<2>() else { return };
    let width = if width & 1 == 0 { 32 } else { 128 };
    let Some(ranges) = loaded(width, classes.into(), rest) else { return };
    assert!(ranges.classes().iter().all(|&class| class < classes.into()), "a class is none of those there are");
    plain(&ranges, width);
    check_pieces(&ranges, width);
});

fn loaded(width: u32, classes: u32, mut rest: &[u8]) -> Option<Ranges> {
    let mut loading = Loading::new(width, classes);
    while let Some((&[unit_bits, octets, count], after)) = rest.split_first_chunk::<3>() {
        let (deltas, after) = after.split_at_checked(octets.into())?;
        let (held, after) = after.split_at_checked(count.into())?;
        let held: Vec<u32> = held.iter().map(|&class| class.into()).collect();
        loading.take(unit_bits.into(), deltas, &held).ok()?;
        rest = after;
    }
    loading.finish().ok()
}
