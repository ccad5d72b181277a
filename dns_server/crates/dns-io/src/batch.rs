//! Batches of UDP packets: `recvmmsg` and `sendmmsg`, nearly all unsafe code of this crate.
//!
//! One batch owns the memory that the kernel reads and writes: queries, replies, peers and control messages. All of it
//! is reached through one raw pointer for as long as the batch lives, so that the headers made once stay valid.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::marker::PhantomData;
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull, addr_of, addr_of_mut};
use std::slice;

use dns_core::MAX_UDP_BYTES;
use libc::{
    c_int, c_uint, cmsghdr, in_pktinfo, in6_pktinfo, iovec, mmsghdr, sockaddr_in, sockaddr_in6, sockaddr_storage,
};

/// Packets a turn.
pub const BATCH: usize = 64;
/// More than clients are invited to send; what is longer arrives cut off, and is refused as such.
const LONGEST_QUERY_BYTES: usize = 1280;
/// From one query to the next: an odd number of cache lines, or the heads of all packets would fall into the same few
/// places of the processor's first cache and push each other out.
const QUERY_STRIDE_BYTES: usize = LONGEST_QUERY_BYTES + 64;
/// No reply over UDP is longer.
const LONGEST_REPLY_BYTES: usize = MAX_UDP_BYTES;
/// Where a reply is written.
pub type Reply = [u8; LONGEST_REPLY_BYTES];
/// Room for the one control message we ask for: the address a packet was sent to.
const CONTROL_BYTES: usize = 64;

/// Control messages must be aligned as their header is.
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

#[repr(C)]
struct Memory {
    incoming: [mmsghdr; BATCH],
    outgoing: [mmsghdr; BATCH],
    query_vectors: [iovec; BATCH],
    reply_vectors: [iovec; BATCH],
    peers: [sockaddr_storage; BATCH],
    controls: [Control; BATCH],
    queries: [[u8; QUERY_STRIDE_BYTES]; BATCH],
    replies: [Reply; BATCH],
}

/// What became of the replies of one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Taken by the kernel.
    pub sent: usize,
    /// Refused by it; they are lost, as they might be on the way.
    pub failed: usize,
}

/// Packets received together, and the replies that leave together.
pub struct Batch {
    memory: NonNull<Memory>,
    received: usize,
    /// Whether control messages are asked for, so that replies leave from the address that was asked.
    with_control: bool,
    replies: usize,
}

impl Batch {
    /// `with_control`: the socket is bound to a wildcard address and says where each packet was sent to.
    #[must_use]
    pub fn new(with_control: bool) -> Self {
        let layout = Layout::new::<Memory>();
        // SAFETY: the layout is not of size zero.
        let raw = unsafe { alloc_zeroed(layout) };
        let Some(memory) = NonNull::new(raw.cast::<Memory>()) else { handle_alloc_error(layout) };
        let batch = Self { memory, received: 0, with_control, replies: 0 };
        for slot in 0..BATCH {
            batch.prepare(slot);
        }
        batch
    }

    /// Point the headers of a slot at its memory.
    fn prepare(&self, slot: usize) {
        let memory = self.memory.as_ptr();
        // SAFETY: `memory` is valid for as long as `self`, zeroed memory is valid for all of its fields, and
        // `slot` is below BATCH, as indexing checks. Nothing else refers to this memory while we are here.
        unsafe {
            let query = addr_of_mut!((*memory).queries[slot]).cast();
            let reply = addr_of_mut!((*memory).replies[slot]).cast();
            (*memory).query_vectors[slot] = iovec { iov_base: query, iov_len: LONGEST_QUERY_BYTES };
            (*memory).reply_vectors[slot] = iovec { iov_base: reply, iov_len: 0 };
            let incoming = addr_of_mut!((*memory).incoming[slot].msg_hdr);
            (*incoming).msg_name = addr_of_mut!((*memory).peers[slot]).cast();
            (*incoming).msg_iov = addr_of_mut!((*memory).query_vectors[slot]);
            (*incoming).msg_iovlen = 1;
            if self.with_control {
                (*incoming).msg_control = addr_of_mut!((*memory).controls[slot]).cast();
            }
        }
        self.rearm(slot);
    }

    /// Undo what the kernel wrote into the lengths of a slot's header.
    fn rearm(&self, slot: usize) {
        // SAFETY: as in `prepare`.
        unsafe {
            let incoming = addr_of_mut!((*self.memory.as_ptr()).incoming[slot].msg_hdr);
            (*incoming).msg_namelen = size_of::<sockaddr_storage>() as c_uint;
            (*incoming).msg_controllen = if self.with_control { CONTROL_BYTES } else { 0 };
        }
    }

    /// Wait for at least one packet, as long as the socket's receive time-out says, and take what else is there.
    ///
    /// # Errors
    /// Those of `recvmmsg`; `WouldBlock` when the time-out has passed.
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        for slot in 0..self.received {
            self.rearm(slot);
        }
        (self.received, self.replies) = (0, 0);
        // SAFETY: all BATCH headers point at memory of their own (`prepare`) that outlives the call, with lengths that
        // fit it (`rearm`), and nothing refers to it meanwhile, since `self` is borrowed exclusively.
        let count = unsafe {
            let headers = addr_of_mut!((*self.memory.as_ptr()).incoming).cast::<mmsghdr>();
            libc::recvmmsg(socket.as_raw_fd(), headers, BATCH as c_uint, libc::MSG_WAITFORONE as _, ptr::null_mut())
        };
        self.received = usize::try_from(count).map_err(|_| io::Error::last_os_error())?.min(BATCH);
        Ok(self.received)
    }

    /// Some packets of this batch, and where replies to them are written.
    ///
    /// # Panics
    /// When not all of the slots are of this batch.
    pub fn group(&mut self, slots: Range<usize>) -> (Packets<'_>, &mut [Reply]) {
        assert!(slots.start <= slots.end && slots.end <= self.received, "no such packets");
        // SAFETY: `received` is at most BATCH, and octets are valid whatever they are. `Packets` reads no replies, and
        // both borrow `self` exclusively.
        let replies = unsafe {
            let first = addr_of_mut!((*self.memory.as_ptr()).replies).cast::<Reply>().add(slots.start);
            slice::from_raw_parts_mut(first, slots.len())
        };
        (Packets { memory: self.memory, slots, batch: PhantomData }, replies)
    }

    /// Send the first `length` octets of a slot's reply when the batch leaves.
    ///
    /// # Panics
    /// When `slot` is not of this batch or has more than one reply.
    pub fn reply(&mut self, slot: usize, length: usize) {
        assert!(slot < self.received && self.replies < self.received, "no such packet");
        // SAFETY: as in `prepare`: slot and the number of replies are below BATCH. The header of the packet gives
        // peer and control message, both of this batch's memory.
        unsafe {
            let memory = self.memory.as_ptr();
            (*memory).reply_vectors[slot].iov_len = length.min(LONGEST_REPLY_BYTES);
            let mut header = (*memory).incoming[slot].msg_hdr;
            header.msg_iov = addr_of_mut!((*memory).reply_vectors[slot]);
            header.msg_flags = 0;
            if header.msg_controllen > 0 {
                answer_from_where_it_was_asked(&header);
            } else {
                header.msg_control = ptr::null_mut();
            }
            (*memory).outgoing[self.replies] = mmsghdr { msg_hdr: header, msg_len: 0 };
        }
        self.replies += 1;
    }

    /// Send all replies. Never waits: what the kernel does not take is lost.
    pub fn send(&mut self, socket: BorrowedFd<'_>) -> Sent {
        let mut outcome = Sent::default();
        while outcome.sent + outcome.failed < self.replies {
            let done = outcome.sent + outcome.failed;
            // SAFETY: headers `done..replies` were written by `reply` and point at memory of this batch, which nothing
            // else refers to, since `self` is borrowed exclusively.
            let count = unsafe {
                let first = addr_of_mut!((*self.memory.as_ptr()).outgoing).cast::<mmsghdr>().add(done);
                let rest = (self.replies - done) as c_uint;
                libc::sendmmsg(socket.as_raw_fd(), first, rest, libc::MSG_DONTWAIT as _)
            };
            match usize::try_from(count) {
                Ok(count) if count > 0 => outcome.sent += count,
                _ => outcome.failed += 1, // the first one failed; the next may be for somebody else
            }
        }
        self.replies = 0;
        outcome
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout; none of the fields needs to be dropped.
        unsafe { dealloc(self.memory.as_ptr().cast(), Layout::new::<Memory>()) }
    }
}

/// Packets of a batch.
pub struct Packets<'b> {
    memory: NonNull<Memory>,
    slots: Range<usize>,
    batch: PhantomData<&'b [u8]>,
}

impl<'b> Packets<'b> {
    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Each of them, and who sent it.
    pub fn iter(&self) -> impl Iterator<Item = (&'b [u8], IpAddr)> {
        self.slots.clone().map(|slot| (self.octets(slot), self.peer(slot)))
    }

    fn octets(&self, slot: usize) -> &'b [u8] {
        // SAFETY: `slot` was received: the kernel wrote `msg_len` octets, at most the slot's size, which `min` makes
        // sure of. Nobody writes to them as long as the batch is borrowed.
        unsafe {
            let memory = self.memory.as_ptr();
            let length = ((*memory).incoming[slot].msg_len as usize).min(LONGEST_QUERY_BYTES);
            slice::from_raw_parts(addr_of!((*memory).queries[slot]).cast::<u8>(), length)
        }
    }

    /// IPv4 seen through an IPv6 socket is IPv4.
    fn peer(&self, slot: usize) -> IpAddr {
        // SAFETY: the kernel wrote an address of `msg_namelen` octets into the zeroed storage, which is large enough
        // and aligned for every kind of address; each is read only where its family says that it is one.
        unsafe {
            let peer = addr_of!((*self.memory.as_ptr()).peers[slot]);
            match c_int::from((*peer).ss_family) {
                libc::AF_INET6 => {
                    let address = (*peer.cast::<sockaddr_in6>()).sin6_addr;
                    IpAddr::V6(Ipv6Addr::from(address.s6_addr)).to_canonical()
                }
                // There are sockets of no other kind
                _ => {
                    let address = (*peer.cast::<sockaddr_in>()).sin_addr;
                    IpAddr::V4(Ipv4Addr::from_bits(u32::from_be(address.s_addr)))
                }
            }
        }
    }
}

/// Turn the control message of a received packet into the one that its reply is sent with: the same local address, and
/// whatever interface the route says, but for link-local addresses, which mean nothing without theirs.
///
/// # Safety
/// `header` must be of a packet that the kernel has just received, with its control buffer intact.
unsafe fn answer_from_where_it_was_asked(header: &libc::msghdr) {
    // SAFETY: the kernel wrote well-formed control messages of `msg_controllen` octets; the macros stay inside them,
    // and each is read and written only where its level, type and length say what it is. It may not be aligned for
    // the type, hence the unaligned reads and writes.
    unsafe {
        let mut message: *mut cmsghdr = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            let data = libc::CMSG_DATA(message);
            match ((*message).cmsg_level, (*message).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let mut info = data.cast::<in_pktinfo>().read_unaligned();
                    info.ipi_ifindex = 0;
                    data.cast::<in_pktinfo>().write_unaligned(info);
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let mut info = data.cast::<in6_pktinfo>().read_unaligned();
                    if !Ipv6Addr::from(info.ipi6_addr.s6_addr).is_unicast_link_local() {
                        info.ipi6_ifindex = 0;
                    }
                    data.cast::<in6_pktinfo>().write_unaligned(info);
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
}

/// Ask the kernel to say, with every packet, which local address it was sent to.
///
/// # Errors
/// Those of `setsockopt`.
pub fn tell_local_address(socket: BorrowedFd<'_>, is_v6: bool) -> io::Result<()> {
    let (level, option) =
        if is_v6 { (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO) } else { (libc::IPPROTO_IP, libc::IP_PKTINFO) };
    let on: c_int = 1;
    // SAFETY: the value is an int that lives through the call, and its size is given.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, option, addr_of!(on).cast(), mem::size_of_val(&on) as c_uint)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

const _: () = {
    // Room for either control message
    // SAFETY: CMSG_SPACE only computes.
    assert!(unsafe { libc::CMSG_SPACE(size_of::<in6_pktinfo>() as c_uint) } as usize <= CONTROL_BYTES);
    assert!(size_of::<MaybeUninit<sockaddr_storage>>() >= size_of::<sockaddr_in6>());
};
