//! Whatever a geo database may hold: an octet that says how large its tree's records are and which addresses it is for,
//! the number of its nodes in two octets, then the file.
//!
//! What the tree is cut into must be what following single addresses through it finds; what is made from that must be
//! what slow twins make; and what a record says must not depend on what stands behind it.
#![no_main]

use std::collections::BTreeSet;

use dns_fuzz::maps::{Plain, check_coarsened, check_pieces, class_of, plain};
use geo_core::{Data, Ranges, Step, Tree, paired};
use libfuzzer_sys::fuzz_target;

/// Octets of zero between tree and data; records that name data count from their start.
const GAP: usize = 16;
/// Records looked at, each by all paths.
const MOST_RECORDS: usize = 32;

fuzz_target!(|input: &[u8]| {
    let Some((&[how, nodes0, nodes1], file)) = input.split_first_chunk::<3>() else { return };
    let file = File {
        octets: file,
        nodes: u16::from_be_bytes([nodes0, nodes1]).into(),
        bits: [24, 28, 32][usize::from(how) % 3],
    };
    let tree = Tree::new(file.octets, file.nodes, file.bits);
    assert!(tree.is_some() == (file.octets.len() >= file.tree_bytes()), "whether a tree is whole is taken wrongly");
    let Some(tree) = tree else { return };
    if how & 0x80 == 0 {
        if let Ok(v4) = tree.ranges(0, 32, None) {
            check(&file, 0, None, &v4, 32);
        }
        return;
    }
    let root = tree.left(96);
    let (Ok(v4), Ok(v6)) = (tree.ranges(root, 32, None), tree.ranges(0, 128, Some(root))) else { return };
    let (narrow, wide) = (check(&file, root, None, &v4, 32), check(&file, 0, Some(root), &v6, 128));
    check_paired((&v4, &narrow), (&v6, &wide));
});

struct File<'f> {
    octets: &'f [u8],
    nodes: u32,
    bits: u32,
}

impl File<'_> {
    fn tree_bytes(&self) -> usize {
        self.nodes as usize * self.bits as usize / 4
    }

    /// The record an address leads to, one bit after the other.
    fn leaf(&self, root: u32, alias: Option<u32>, address: u128, width: u32) -> u32 {
        let mut record = root;
        for bit in (0..width).rev() {
            if record >= self.nodes || Some(record) == alias {
                break;
            }
            record = self.record(record, address >> bit & 1 == 1);
        }
        record.saturating_sub(self.nodes)
    }

    fn record(&self, node: u32, is_right: bool) -> u32 {
        let size = self.bits as usize / 4;
        let node = &self.octets[node as usize * size..][..size];
        let halves: Vec<u32> = node.iter().flat_map(|octet| [octet >> 4, octet & 15]).map(u32::from).collect();
        let number = |halves: &[u32]| halves.iter().fold(0, |number, half| number << 4 | half);
        match (self.bits, is_right) {
            (28, false) => number(&[&halves[6..7], &halves[..6]].concat()),
            (28, true) => number(&halves[7..]),
            (_, false) => number(&halves[..size]),
            (_, true) => number(&halves[size..]),
        }
    }
}

fn check(file: &File<'_>, root: u32, alias: Option<u32>, ranges: &Ranges, width: u32) -> Plain {
    let plain = plain(ranges, width);
    for &(start, class) in &plain {
        assert!(file.leaf(root, alias, start, width) == class, "an address leads elsewhere");
        let before = start.checked_sub(1).map(|before| (before, class_of(&plain, before)));
        if let Some((before, class)) = before {
            assert!(file.leaf(root, alias, before, width) == class, "an address leads elsewhere");
        }
    }
    check_pieces(ranges, width);
    check_coarsened(ranges, if width == 32 { 8 } else { 72 }, width);
    check_records(file, &plain);
    plain
}

/// One map over another: of every address, both of its classes.
fn check_paired((below, base): (&Ranges, &Plain), (above, over): (&Ranges, &Plain)) {
    let (joined, pairs) = paired(below, above);
    let joined = plain(&joined, 128);
    assert!(pairs.iter().collect::<BTreeSet<_>>().len() == pairs.len(), "a pair has two numbers");
    for &(start, _) in base.iter().chain(over) {
        let pair = pairs[class_of(&joined, start) as usize];
        assert!(pair == (class_of(base, start), class_of(over, start)), "a pair is of other classes");
    }
}

fn check_records(file: &File<'_>, plain: &Plain) {
    let section = file.octets.get(file.tree_bytes() + GAP..).unwrap_or_default();
    let longer = [section, &[0xE1; 64]].concat();
    let classes: BTreeSet<usize> = plain.iter().filter_map(|&(_, class)| (class as usize).checked_sub(GAP)).collect();
    for &at in classes.iter().take(MOST_RECORDS) {
        for path in paths() {
            if let Ok(found) = Data(section).find(at, &path) {
                let again = Data(&longer).find(at, &path);
                assert!(format!("{again:?}") == format!("{:?}", Ok::<_, ()>(found)), "a record is read beyond its end");
            }
        }
    }
}

/// As databases have them, and one that goes over all of a record.
fn paths() -> [Vec<Step>; 6] {
    let key = |key: &str| Step::Key(key.to_owned());
    [
        vec![],
        vec![key("country"), key("iso_code")],
        vec![key("country_code")],
        vec![key("location"), key("latitude")],
        vec![key("subdivisions"), Step::Item(0), key("iso_code")],
        vec![key("")],
    ]
}
