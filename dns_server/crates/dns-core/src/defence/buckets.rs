//! Token buckets in tables of fixed size: `gslb/core/answering/buckets.py`.

use crate::hash::mix::mix;

const WAYS: usize = 4;
/// An answer in thousandths: so an answer a second is one of them a millisecond.
pub const PER_ANSWER: u32 = 1000;

/// A key that depends on 64 bits more.
#[inline]
pub fn absorb(key: u64, word: u64) -> u64 {
    mix(key ^ word)
}

/// The same for octets, eight at a time; the last ones are filled up with zeros.
pub fn absorb_octets(key: u64, octets: &[u8]) -> u64 {
    octets.chunks(8).fold(key, |key, chunk| {
        let mut word = [0; 8];
        if let Some(head) = word.get_mut(..chunk.len()) {
            head.copy_from_slice(chunk);
        }
        absorb(key, u64::from_le_bytes(word))
    })
}

/// `level`: thousandths of answers given that have not drained yet, as of `then_ms`, the low 32 bits of a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    tag: u32,
    then_ms: u32,
    level: u32,
    /// Answers refused since the last one that slipped through.
    refused: u32,
}

impl Bucket {
    /// Count an answer, up to two seconds' worth; whether it is beyond one second's worth.
    #[inline]
    pub fn add(&mut self, cost: u32, rate: u32) -> bool {
        let second = rate.saturating_mul(PER_ANSWER);
        let is_beyond = self.level >= second;
        self.level = self.level.saturating_add(cost).min(second.saturating_mul(2));
        is_beyond
    }

    /// Count an answer if less than one second's worth is there; whether it was counted.
    pub fn take(&mut self, cost: u32, rate: u32) -> bool {
        let has_room = self.level < rate.saturating_mul(PER_ANSWER);
        if has_room {
            self.level = self.level.saturating_add(cost);
        }
        has_room
    }

    /// Whether this refused answer is the one in `slip` that slips through; never if that is 0.
    pub fn slips(&mut self, slip: u32) -> bool {
        if slip == 0 {
            return false;
        }
        self.refused += 1;
        if self.refused < slip {
            return false;
        }
        self.refused = 0;
        true
    }

    #[inline]
    fn drain(&mut self, now_ms: u32, rate: u32) {
        let drained = u64::from(now_ms.wrapping_sub(self.then_ms)) * u64::from(rate);
        self.level = self.level.saturating_sub(u32::try_from(drained).unwrap_or(u32::MAX));
        self.then_ms = now_ms;
    }
}

/// One line of the cache: what an answer touches.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Set([Bucket; WAYS]);

/// Its memory is taken at once and never grows.
#[derive(Debug)]
pub struct Buckets(Box<[Set]>);

impl Buckets {
    /// `sets`: a power of 2.
    pub fn new(sets: usize) -> Self {
        Self(vec![Set::default(); sets].into())
    }

    /// The key's bucket, drained by `rate` answers a second until now; a key that has none takes over the one of its
    /// set that was longest untouched.
    #[inline]
    pub fn find(&mut self, key: u64, now_ms: u64, rate: u32) -> Option<&mut Bucket> {
        let at = key as usize & self.0.len().wrapping_sub(1);
        let Set(buckets) = self.0.get_mut(at)?;
        let (tag, now_ms) = ((key >> 32) as u32, now_ms as u32);
        let bucket = match buckets.iter().position(|bucket| bucket.tag == tag) {
            Some(way) => buckets.get_mut(way)?,
            None => {
                // Of equals the first, which comes last here
                let silent_ms = |bucket: &&mut Bucket| now_ms.wrapping_sub(bucket.then_ms);
                let oldest = buckets.iter_mut().rev().max_by_key(silent_ms)?;
                *oldest = Bucket { tag, then_ms: now_ms, level: 0, refused: 0 };
                oldest
            }
        };
        bucket.drain(now_ms, rate);
        Some(bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_one_line_of_the_cache() {
        assert_eq!((size_of::<Set>(), align_of::<Set>()), (64, 64));
    }

    #[test]
    fn a_million_strangers_take_no_memory_and_start_afresh() {
        let mut table = Buckets::new(16);
        let before = (table.0.as_ptr(), table.0.len());
        for stranger in 0..1_000_000 {
            let bucket = table.find(mix(stranger), 5, 1).unwrap();
            assert!(bucket.take(PER_ANSWER, 1), "{stranger}");
        }
        assert_eq!((table.0.as_ptr(), table.0.len()), before);
    }

    #[test]
    fn levels_drain_and_never_overflow() {
        let mut bucket = Bucket::default();
        assert!(!bucket.add(u32::MAX, u32::MAX));
        assert!(bucket.add(u32::MAX, u32::MAX));
        assert_eq!(bucket.level, u32::MAX);
        bucket.drain(1, u32::MAX);
        assert_eq!(bucket.level, 0);
        assert!(bucket.take(3000, 2) && !bucket.take(3000, 2));
        bucket.drain(500, 2);
        assert_eq!(bucket.level, 3000 - 998);
        assert!(!bucket.take(1, 2));
        bucket.drain(502, 2);
        assert!(bucket.take(1, 2));
    }
}
