//! Memory in large pages, where it is taken in large pieces.
//!
//! A million names lie in hundreds of megabytes, and which of them is asked for next is chance: with pages of 4 KiB the
//! processor would have to look up nearly each one's place first.

use std::alloc::{GlobalAlloc, Layout, System};

const LARGE_PAGE_BYTES: usize = 2 << 20;
/// What is smaller would hardly hold one that is aligned.
const LEAST_BYTES: usize = 2 * LARGE_PAGE_BYTES;

/// The system's allocator, which asks for large pages where they fit in.
pub struct LargePages;

// SAFETY: `System` does all that an allocator must do; what is asked of the kernel besides changes no octet.
unsafe impl GlobalAlloc for LargePages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller promises what `System` asks for.
        advised(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller promises what `System` asks for.
        advised(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller promises what `System` asks for, of which `memory` is.
        advised(unsafe { System.realloc(memory, layout, bytes) }, bytes)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller promises what `System` asks for, of which `memory` is.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[inline]
fn advised(memory: *mut u8, bytes: usize) -> *mut u8 {
    if bytes >= LEAST_BYTES && !memory.is_null() {
        advise(memory, bytes);
    }
    memory
}

/// Ask for large pages where whole ones fit in. A kernel that has none refuses: only speed is lost.
#[cold]
fn advise(memory: *mut u8, bytes: usize) {
    let before = memory.align_offset(LARGE_PAGE_BYTES);
    let whole = bytes.saturating_sub(before) / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
    // SAFETY: these octets lie within an allocation of `bytes`, and how large their pages are changes none of them.
    unsafe { libc::madvise(memory.wrapping_add(before).cast(), whole, libc::MADV_HUGEPAGE) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the kernel was asked for large pages at an address: the flag `hg` of its mapping.
    fn is_advised(memory: *const u8) -> bool {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let holds = |line: &str| {
            let (first, end) = line.split_whitespace().next()?.split_once('-')?;
            let range = usize::from_str_radix(first, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
            Some(range.contains(&(memory as usize)))
        };
        let mut flags = maps.lines().skip_while(|line| holds(line) != Some(true));
        flags.find(|line| line.starts_with("VmFlags:")).unwrap().split(' ').any(|flag| flag == "hg")
    }

    #[test]
    fn large_pieces_lie_in_large_pages_and_keep_what_they_hold() {
        let layout = |bytes| Layout::from_size_align(bytes, 64).unwrap();
        let (small, large, larger) = (1 << 20, 3 * LEAST_BYTES, 5 * LEAST_BYTES);
        // SAFETY: sizes are not 0, each piece is freed once with the layout it has, and only its octets are touched.
        unsafe {
            let piece = LargePages.alloc(layout(large));
            piece.write_bytes(7, large);
            assert!(is_advised(piece.wrapping_add(large / 2)));
            let piece = LargePages.realloc(piece, layout(large), larger);
            assert!(is_advised(piece.wrapping_add(larger / 2)));
            assert_eq!((*piece, *piece.add(large - 1)), (7, 7));
            LargePages.dealloc(piece, layout(larger));
            let zeros = LargePages.alloc_zeroed(layout(large));
            assert!(is_advised(zeros.wrapping_add(large / 2)) && *zeros.add(large - 1) == 0);
            LargePages.dealloc(zeros, layout(large));
            let piece = LargePages.alloc(layout(small));
            assert!(!is_advised(piece));
            LargePages.dealloc(piece, layout(small));
        }
    }
}
