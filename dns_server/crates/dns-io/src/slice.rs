//! How long a worker wants to run at a time: short, so that the kernel lets it in at once when a packet comes.

use std::mem;

/// An answer takes microseconds; what asks for little is let in before what computes for long (decisions, snapshots).
const SLICE_NS: u64 = 100_000;
const SIZE: u32 = mem::size_of::<libc::sched_attr>() as u32;

/// Ask the kernel for short slices for the calling thread. Kernels before 6.12 have no such wish and refuse or ignore
/// it; nothing depends on it but the slowest answers of a busy core.
pub fn ask_for_short() {
    let Some(mut wish) = present() else { return };
    wish.sched_runtime = SLICE_NS;
    // SAFETY: the kernel reads `size` octets of a structure that outlives the call, and writes nothing.
    let _ = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wish, 0) };
}

/// The calling thread's scheduling as it is, where it is the ordinary one.
fn present() -> Option<libc::sched_attr> {
    // SAFETY: all bits zero is a value of this plain structure, and the kernel writes at most `SIZE` octets of it.
    let (done, held) = unsafe {
        let mut held: libc::sched_attr = mem::zeroed();
        (libc::syscall(libc::SYS_sched_getattr, 0, &raw mut held, SIZE, 0), held)
    };
    (done == 0 && held.sched_policy == libc::SCHED_OTHER as u32).then_some(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_slice_changes() {
        let before = present().unwrap();
        ask_for_short();
        let after = present().unwrap();
        assert_eq!((after.sched_nice, after.sched_flags), (before.sched_nice, before.sched_flags));
        assert!([SLICE_NS, before.sched_runtime].contains(&after.sched_runtime));
    }
}
