//! Panics of worker threads: each costs one answer and is counted; only the first few are told in full.

use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// A stranger who finds a fault must not fill the disk with it.
const TOLD: u32 = 10;
/// How names of worker threads begin.
pub const WORKERS: &str = "dns-";

/// Tell no more than a few panics of workers, and all panics of other threads as before.
pub fn tell_few() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let told = AtomicU32::new(0);
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |fault| {
            let is_worker = thread::current().name().is_some_and(|name| name.starts_with(WORKERS));
            if !is_worker || told.fetch_add(1, Ordering::Relaxed) < TOLD {
                tell(fault);
            }
        }));
    });
}
