//! The one place where time comes from; looked at once a batch, since not every packet needs a look of its own.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One look at the clocks, good for a batch of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic, since some moment that all threads share.
    pub elapsed: Duration,
    /// The same in milliseconds.
    pub ms: u64,
    /// Wall-clock seconds, which come round after 2^32.
    pub unix_s: u32,
}

/// The system's clocks, the wall clock shifted as tests like.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    wall_offset_s: i64,
}

impl Clock {
    /// `wall_offset_s`: added to the wall clock.
    #[must_use]
    pub fn new(wall_offset_s: i64) -> Self {
        Self { start: Instant::now(), wall_offset_s }
    }

    /// As of now. A wall clock from before 1970 counts as 1970.
    #[must_use]
    pub fn now(&self) -> Now {
        let elapsed = self.start.elapsed();
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let wall_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Now { elapsed, ms, unix_s: wall_s.wrapping_add_signed(self.wall_offset_s) as u32 }
    }

    /// How long ago a look at this clock was.
    #[must_use]
    pub fn since(&self, then: Now) -> Duration {
        self.start.elapsed().saturating_sub(then.elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_shifted_and_the_other_one_is_not() {
        let (now, shifted) = (Clock::new(0).now(), Clock::new(-3600).now());
        let behind_s = now.unix_s.wrapping_sub(shifted.unix_s);
        assert!((3500..=3600).contains(&behind_s), "{behind_s}");
        assert!(shifted.ms < 100_000);
    }
}
