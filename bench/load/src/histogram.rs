//! Latencies in buckets that are at most 1/16 wide: 64 octaves of 16.

const PARTS_BITS: u32 = 4;

pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub fn new() -> Self {
        Self { counts: vec![0; 64 << PARTS_BITS], total: 0 }
    }

    pub fn add(&mut self, value: u64) {
        self.counts[bucket(value)] += 1;
        self.total += 1;
    }

    /// The upper end of the bucket that holds this share of all values; 0 when there are none.
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && *count > 0 {
                return upper_end(index);
            }
        }
        0
    }
}

fn bucket(value: u64) -> usize {
    if value < 1 << PARTS_BITS {
        return value as usize;
    }
    let octave = 63 - value.leading_zeros();
    let part = (value >> (octave - PARTS_BITS)) as usize & ((1 << PARTS_BITS) - 1);
    ((octave - PARTS_BITS + 1) as usize) << PARTS_BITS | part
}

fn upper_end(index: usize) -> u64 {
    let (octave, part) = (index >> PARTS_BITS, (index & ((1 << PARTS_BITS) - 1)) as u64);
    match octave {
        0 => part,
        _ => ((part + (1 << PARTS_BITS) + 1) << (octave - 1)) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_no_bucket_is_wide() {
        for value in (0..100_000).chain((20..60).map(|bit| (1u64 << bit) + 12_345)) {
            let end = upper_end(bucket(value));
            assert!(value <= end && end <= value + value / 16 + 1, "{value} {end}");
        }
    }

    #[test]
    fn quantiles_are_those_of_a_known_set() {
        let mut histogram = Histogram::new();
        (1..=10).for_each(|value| histogram.add(value));
        assert_eq!((histogram.quantile(0.5), histogram.quantile(0.99)), (5, 10));
    }
}
