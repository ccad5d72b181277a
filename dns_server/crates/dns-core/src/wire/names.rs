//! Names as lower-case wire bytes.

pub const MAX_NAME_BYTES: usize = 255;
pub const MAX_LABEL_BYTES: u8 = 63;
/// Of the longest name, the root's included.
pub const MAX_LABELS: usize = 128;

/// The name one label shorter; None for the root.
#[inline]
pub fn parent(name: &[u8]) -> Option<&[u8]> {
    match name.first() {
        None | Some(0) => None,
        Some(&length) => name.get(1 + usize::from(length)..),
    }
}

/// Labels without the root.
pub fn labels(name: &[u8]) -> usize {
    let mut count = 0;
    let mut rest = name;
    while let Some(shorter) = parent(rest) {
        count += 1;
        rest = shorter;
    }
    count
}

/// Whether `name` is `above` or below it, on a label boundary.
pub fn is_within(name: &[u8], above: &[u8]) -> bool {
    let mut rest = name;
    while rest.len() > above.len() {
        match parent(rest) {
            Some(shorter) => rest = shorter,
            None => return false,
        }
    }
    rest == above
}

/// Whether these bytes are exactly one uncompressed name.
pub fn is_name(bytes: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&length) = bytes.get(at) {
        at += 1;
        if length == 0 {
            return at == bytes.len() && at <= MAX_NAME_BYTES;
        }
        if length > MAX_LABEL_BYTES {
            return false;
        }
        at += usize::from(length);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_within_names_on_label_boundaries_only() {
        assert!(is_within(b"\x01a\x02bc\0", b"\x02bc\0"));
        assert!(is_within(b"\x02bc\0", b"\x02bc\0"));
        assert!(is_within(b"\x02bc\0", b"\0"));
        assert!(!is_within(b"\x04\x61\x02bc\0", b"\x02bc\0"));
        assert!(!is_within(b"\x02bc\0", b"\x01a\x02bc\0"));
    }

    #[test]
    fn only_whole_names_are_names() {
        assert!(is_name(b"\0") && is_name(b"\x01a\0"));
        assert!(!is_name(b"") && !is_name(b"\x01a") && !is_name(b"\x01a\0\0") && !is_name(b"\xC0\x0C"));
        assert_eq!(labels(b"\x01a\x02bc\0"), 2);
    }
}
