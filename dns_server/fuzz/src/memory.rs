//! A bound on memory: no input of some kilobytes may make the engine hold more.

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::abort;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Far above what the world and any honest input of the targets' lengths take together.
const MOST_BYTES: usize = 256 << 20;

struct Bounded {
    held: AtomicUsize,
}

#[global_allocator]
static BOUNDED: Bounded = Bounded { held: AtomicUsize::new(0) };

impl Bounded {
    /// Aborts where too much is held, which the fuzzer reports together with the input.
    fn take(&self, bytes: usize) {
        if self.held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > MOST_BYTES {
            abort();
        }
    }

    fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

// SAFETY: all is passed on to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.take(layout.size());
        // SAFETY: the caller's promises are those that are asked for here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.take(layout.size());
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        self.give_back(layout.size());
        // SAFETY: as in `alloc`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        self.take(bytes);
        self.give_back(layout.size());
        // SAFETY: as in `alloc`.
        unsafe { System.realloc(memory, layout, bytes) }
    }
}
