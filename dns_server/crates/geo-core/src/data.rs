//! The data section of a MaxMind DB file (format 2.0): single values found by their paths.
//!
//! Only what lies on a path is decoded, and only there is a pointer followed, so that no file makes much out of little:
//! values that name each other in circles or by the billion cost nothing.

use thiserror::Error;

/// The octets are not what the format says.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("it is damaged: one of its records cannot be read")]
pub struct Damaged;

/// One step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Of a map.
    Key(String),
    /// Of a list, counted from 0.
    Item(usize),
}

/// What can stand at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// UTF-8.
    Text(&'a str),
    /// A number with a fraction.
    Real(f64),
    /// A whole number, of any width.
    Whole(i128),
}

/// A section; pointers count from its start.
#[derive(Clone, Copy)]
pub struct Data<'a>(pub &'a [u8]);

const POINTER: u8 = 1;
const TEXT: u8 = 2;
const DOUBLE: u8 = 3;
const MAP: u8 = 7;
const SIGNED: u8 = 8;
const LIST: u8 = 11;
const END: u8 = 13;
const FLAG: u8 = 14;
const FLOAT: u8 = 15;

/// Members looked at on one path; a record of a real database has some dozens.
const MAX_STEPS: u32 = 4_096;
const SHORT: [usize; 3] = [29, 285, 65_821];
const NEAR: [usize; 3] = [0, 2_048, 526_336];

/// How a value begins: what it is, its size (of a pointer: where that leads), and what stands behind.
#[derive(Clone, Copy)]
struct Head {
    kind: u8,
    size: usize,
    next: usize,
}

impl<'a> Data<'a> {
    /// What stands at the end of `path` from the value at `at`; None where nothing does, or what is no single value.
    pub fn find(self, at: usize, path: &[Step]) -> Result<Option<Value<'a>>, Damaged> {
        let mut steps = MAX_STEPS;
        let mut head = self.resolved(at)?;
        for step in path {
            let found = match (step, head.kind) {
                (Step::Key(key), MAP) => self.member(head, key, &mut steps)?,
                (Step::Item(item), LIST) if *item < head.size => Some(self.skipped(head.next, *item, &mut steps)?),
                _ => None,
            };
            match found {
                Some(at) => head = self.resolved(at)?,
                None => return Ok(None),
            }
        }
        self.value(head)
    }

    /// Where the value of `key` begins in a map.
    fn member(self, map: Head, key: &str, steps: &mut u32) -> Result<Option<usize>, Damaged> {
        let mut at = map.next;
        for _ in 0..map.size {
            let name = self.resolved(at)?;
            let after = self.skipped(at, 1, steps)?;
            if name.kind != TEXT {
                return Err(Damaged);
            }
            if self.octets(name)? == key.as_bytes() {
                return Ok(Some(after));
            }
            at = self.skipped(after, 1, steps)?;
        }
        Ok(None)
    }

    /// What stands behind `count` values.
    fn skipped(self, mut at: usize, mut count: usize, steps: &mut u32) -> Result<usize, Damaged> {
        while count > 0 {
            *steps = steps.checked_sub(1).ok_or(Damaged)?;
            let head = self.head(at)?;
            let (members, size) = match head.kind {
                MAP => (head.size.checked_mul(2).ok_or(Damaged)?, 0),
                LIST => (head.size, 0),
                POINTER | FLAG | END => (0, 0),
                _ => (0, head.size),
            };
            count = (count - 1).checked_add(members).ok_or(Damaged)?;
            at = head.next.checked_add(size).filter(|&at| at <= self.0.len()).ok_or(Damaged)?;
        }
        Ok(at)
    }

    fn value(self, head: Head) -> Result<Option<Value<'a>>, Damaged> {
        let octets = || self.octets(head);
        Ok(match head.kind {
            TEXT => Some(Value::Text(str::from_utf8(octets()?).map_err(|_| Damaged)?)),
            DOUBLE => Some(Value::Real(f64::from_be_bytes(octets()?.try_into().map_err(|_| Damaged)?))),
            FLOAT => Some(Value::Real(f32::from_be_bytes(octets()?.try_into().map_err(|_| Damaged)?).into())),
            5 | 6 | 9 | 10 if head.size <= 15 => Some(Value::Whole(whole(octets()?))),
            SIGNED if head.size == 4 => {
                Some(Value::Whole(i32::from_be_bytes(octets()?.try_into().map_err(|_| Damaged)?).into()))
            }
            SIGNED if head.size < 4 => Some(Value::Whole(whole(octets()?))),
            _ => None,
        })
    }

    fn octets(self, head: Head) -> Result<&'a [u8], Damaged> {
        self.0.get(head.next..).and_then(|rest| rest.get(..head.size)).ok_or(Damaged)
    }

    /// The value at `at`, or the one that a pointer there leads to; that is no pointer again.
    fn resolved(self, at: usize) -> Result<Head, Damaged> {
        let head = self.head(at)?;
        if head.kind != POINTER {
            return Ok(head);
        }
        let target = self.head(head.size)?;
        if target.kind == POINTER { Err(Damaged) } else { Ok(target) }
    }

    fn head(self, at: usize) -> Result<Head, Damaged> {
        let first = self.octet(at)?;
        let (kind, low) = (first >> 5, usize::from(first & 31));
        if kind == POINTER {
            let extra = low >> 3;
            let (number, next) = self.number(at + 1, extra + 1)?;
            let high = if extra < 3 { (low & 7) << (8 * (extra + 1)) } else { 0 };
            let base = NEAR.get(extra).copied().unwrap_or(0);
            return Ok(Head { kind, size: (high | number) + base, next });
        }
        let (kind, at) = if kind == 0 { (self.octet(at + 1)?.saturating_add(7), at + 2) } else { (kind, at + 1) };
        let extra = low.saturating_sub(28);
        let (number, next) = self.number(at, extra)?;
        let base = extra.checked_sub(1).and_then(|extra| SHORT.get(extra)).copied().unwrap_or(low);
        Ok(Head { kind, size: base + number, next })
    }

    fn octet(self, at: usize) -> Result<u8, Damaged> {
        self.0.get(at).copied().ok_or(Damaged)
    }

    /// The number of `count` octets at `at`, and what stands behind.
    fn number(self, at: usize, count: usize) -> Result<(usize, usize), Damaged> {
        let octets = self.0.get(at..).and_then(|rest| rest.get(..count)).ok_or(Damaged)?;
        Ok((octets.iter().fold(0, |number, &octet| number << 8 | usize::from(octet)), at + count))
    }
}

fn whole(octets: &[u8]) -> i128 {
    octets.iter().fold(0, |number, &octet| number << 8 | i128::from(octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(path: &[&str]) -> Vec<Step> {
        path.iter().map(|key| Step::Key((*key).to_owned())).collect()
    }

    fn find<'a>(octets: &'a [u8], at: usize, path: &[&str]) -> Result<Option<Value<'a>>, Damaged> {
        Data(octets).find(at, &keys(path))
    }

    /// "DE"; {a: {b: -> "DE"}, c: 300 of 16 bits}
    const RECORD: &[u8] = &[0x42, b'D', b'E', 0xE2, 0x41, b'a', 0xE1, 0x41, b'b', 0x20, 0, 0x41, b'c', 0xA2, 1, 44];

    #[test]
    fn values_are_found_by_their_paths_through_pointers() {
        assert_eq!(find(RECORD, 3, &["a", "b"]), Ok(Some(Value::Text("DE"))));
        assert_eq!(find(RECORD, 3, &["c"]), Ok(Some(Value::Whole(300))));
        assert_eq!(find(RECORD, 0, &[]), Ok(Some(Value::Text("DE"))));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        assert_eq!(find(RECORD, 3, &["x"]), Ok(None));
        assert_eq!(find(RECORD, 3, &["c", "x"]), Ok(None));
        assert_eq!(find(RECORD, 3, &["a"]), Ok(None)); // a map is no single value
    }

    #[test]
    fn items_of_lists_are_counted() {
        let list = [0x02, 4, 0x41, b'x', 0x41, b'y'];
        assert_eq!(Data(&list).find(0, &[Step::Item(1)]), Ok(Some(Value::Text("y"))));
        assert_eq!(Data(&list).find(0, &[Step::Item(2)]), Ok(None));
    }

    #[test]
    fn numbers_of_all_kinds_are_read() {
        let double = [0x68, 0x40, 0x09, 0x21, 0xFB, 0x54, 0x44, 0x2D, 0x18];
        assert_eq!(find(&double, 0, &[]), Ok(Some(Value::Real(std::f64::consts::PI))));
        assert_eq!(find(&[0x04, 8, 0x3F, 0x80, 0, 0], 0, &[]), Ok(Some(Value::Real(1.0))));
        assert_eq!(find(&[0x04, 1, 0xFF, 0xFF, 0xFF, 0xFE], 0, &[]), Ok(Some(Value::Whole(-2))));
        assert_eq!(find(&[0xC0], 0, &[]), Ok(Some(Value::Whole(0))));
    }

    #[test]
    fn long_values_are_skipped_and_read() {
        for size in [28, 29, 284, 285, 65_820, 65_821, 70_000] {
            let mut head = match size {
                ..29 => vec![0x40 | size as u8],
                29..285 => vec![0x5D, (size - 29) as u8],
                285..65_821 => [&[0x5E][..], &((size - 285) as u16).to_be_bytes()].concat(),
                _ => [&[0x5F][..], &(size as u32 - 65_821).to_be_bytes()[1..]].concat(),
            };
            head.extend(vec![b'z'; size]);
            let octets = [&[0xE2, 0x41, b'a'][..], &head, &[0x41, b'b', 0x41, b'!']].concat();
            assert_eq!(find(&octets, 0, &["b"]), Ok(Some(Value::Text("!"))));
            assert_eq!(find(&octets, 0, &["a"]), Ok(Some(Value::Text(&"z".repeat(size)))));
        }
    }

    #[test]
    fn pointers_of_all_widths_are_followed() {
        let mut octets = vec![0; 600_000];
        for (target, pointer) in [
            (700, &[0x22, 188][..]),
            (3_000, &[0x28, 3, 184]),
            (530_000, &[0x30, 0, 14, 80]),
            (590_000, &[0x38, 0, 9, 0, 176]),
        ] {
            octets[target..target + 2].copy_from_slice(&[0x41, b'q']);
            octets[..pointer.len()].copy_from_slice(pointer);
            assert_eq!(find(&octets, 0, &[]), Ok(Some(Value::Text("q"))), "{target}");
            octets[target..target + 2].fill(0);
        }
    }

    #[test]
    fn hostile_sections_end_soon() {
        assert_eq!(find(&[0x20, 0], 0, &[]), Err(Damaged)); // a pointer to itself
        assert_eq!(find(&[0x20, 9], 0, &[]), Err(Damaged)); // out of the section
        assert_eq!(find(&[0xFF, 0xFF, 0xFF, 0xFF], 0, &["a"]), Err(Damaged)); // a map of millions
        assert_eq!(find(&[0xE1, 0xA0], 0, &["a"]), Err(Damaged)); // a key that is a number
        assert_eq!(find(&[0x44, b'x'], 0, &[]), Err(Damaged));
        assert_eq!(find(&[0x41, 0xFF], 0, &[]), Err(Damaged)); // not UTF-8
        assert_eq!(find(&[], 0, &[]), Err(Damaged));
        assert_eq!(find(&[0xE1, 0x41, b'a', 0x44, b'x'], 0, &["b"]), Err(Damaged)); // cut off behind what is passed
        assert_eq!(find(&[0x41], usize::MAX, &[]), Err(Damaged));
        let mut lists = [0x01, 4].repeat(10_000); // one in the other
        lists.insert(0, 0xE2);
        lists.splice(1..1, [0x41, b'a']);
        assert_eq!(find(&lists, 0, &["b"]), Err(Damaged));
    }

    #[test]
    fn no_octets_make_it_panic() {
        let mut seed = 1_u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize
        };
        for _ in 0..20_000 {
            let octets: Vec<u8> = (0..random() % 40).map(|_| random() as u8).collect();
            let _ = Data(&octets).find(random() % 40, &[Step::Key("a".to_owned()), Step::Item(1)]);
        }
    }
}
