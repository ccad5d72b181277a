//! How long answers took, in buckets that double.

use std::time::Duration;

use dns_core::Counter;

/// Buckets up to 1, 2, 4 ... microseconds; the last one here ends at about a second.
pub const BUCKETS: usize = 21;

/// From a packet's receipt by this process to its answer's way out; the time in the kernel's queues is not in it.
#[derive(Debug, Default)]
pub struct Latency {
    /// One more than [`BUCKETS`]: the last is for all that took longer.
    buckets: [Counter; BUCKETS + 1],
    sum_us: Counter,
}

impl Latency {
    /// Count `answers` that took as long.
    pub fn count(&self, answers: u64, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = (u64::BITS - us.saturating_sub(1).leading_zeros()) as usize;
        if let Some(counter) = self.buckets.get(bucket.min(BUCKETS)) {
            counter.add(answers);
        }
        self.sum_us.add(us.saturating_mul(answers));
    }

    /// By bucket, not cumulative.
    pub fn buckets(&self) -> impl Iterator<Item = u64> + '_ {
        self.buckets.iter().map(Counter::get)
    }

    /// Microseconds of all answers together.
    #[must_use]
    pub fn sum_us(&self) -> u64 {
        self.sum_us.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_ends_where_it_says() {
        for (us, bucket) in
            [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (1 << 20, 20), (1 << 21, 21), (u64::MAX, 21)]
        {
            let latency = Latency::default();
            latency.count(3, Duration::from_micros(us));
            let counts: Vec<u64> = latency.buckets().collect();
            assert_eq!((counts.iter().sum::<u64>(), counts[bucket]), (3, 3), "{us}");
        }
        let latency = Latency::default();
        latency.count(3, Duration::from_nanos(2_500));
        assert_eq!(latency.sum_us(), 6);
    }
}
