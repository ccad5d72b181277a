//! Many datagrams in one system call, and room for them to wait: the only unsafe code here, and all of it.

use std::io;
use std::mem;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::ptr;

/// Datagrams moved by one call.
pub const BATCH: usize = 64;
const SLOT_BYTES: usize = 2048;
const RECEIVE_BUFFER_BYTES: libc::c_int = 4 << 20;

/// Let as much wait in the socket as in a DNS server's, or as the system allows: what comes at once when a server was
/// kept from its core for a while would be lost here, and look as if the server had lost it.
pub fn make_room(socket: &UdpSocket) -> io::Result<()> {
    let octets = RECEIVE_BUFFER_BYTES;
    let size = mem::size_of_val(&octets) as libc::socklen_t;
    // SAFETY: the value is an int that lives through the call, and its size is given.
    let done = unsafe {
        let value = ptr::addr_of!(octets).cast();
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, value, size)
    };
    checked(done).map(|_| ())
}

/// Room for one batch. The pointers that the kernel is given lead into boxes owned here, which never move.
pub struct Batch {
    slots: Box<[[u8; SLOT_BYTES]]>,
    _addresses: Box<[libc::sockaddr_in]>,
    _vectors: Box<[libc::iovec]>,
    messages: Box<[libc::mmsghdr]>,
    filled: usize,
}

impl Batch {
    /// `addressed`: keep each sender's address, and send back to it; else the socket is connected.
    pub fn new(addressed: bool) -> Self {
        let mut slots = vec![[0u8; SLOT_BYTES]; BATCH].into_boxed_slice();
        // SAFETY: all three are plain C structures for which all bits zero is a value.
        let zeroed = unsafe { (mem::zeroed::<libc::sockaddr_in>(), mem::zeroed::<libc::iovec>(), mem::zeroed()) };
        let mut addresses = vec![zeroed.0; BATCH].into_boxed_slice();
        let mut vectors = vec![zeroed.1; BATCH].into_boxed_slice();
        let mut messages: Box<[libc::mmsghdr]> = vec![zeroed.2; BATCH].into_boxed_slice();
        for index in 0..BATCH {
            vectors[index] = libc::iovec { iov_base: slots[index].as_mut_ptr().cast(), iov_len: SLOT_BYTES };
            let header = &mut messages[index].msg_hdr;
            header.msg_iov = &mut vectors[index];
            header.msg_iovlen = 1;
            header.msg_name = if addressed { ptr::from_mut(&mut addresses[index]).cast() } else { ptr::null_mut() };
            header.msg_namelen = if addressed { mem::size_of::<libc::sockaddr_in>() as u32 } else { 0 };
        }
        Self { slots, _addresses: addresses, _vectors: vectors, messages, filled: 0 }
    }

    /// Wait for at least one datagram (`wait`), or take what is there; returns how many there are now.
    pub fn receive(&mut self, socket: &UdpSocket, wait: bool) -> io::Result<usize> {
        for message in &mut self.messages {
            // SAFETY: msg_iov leads to one iovec of this batch, which nobody else touches now.
            unsafe { (*message.msg_hdr.msg_iov).iov_len = SLOT_BYTES };
        }
        let flags = if wait { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
        // SAFETY: BATCH headers, each leading to one slot of SLOT_BYTES that outlives the call.
        let count = unsafe {
            libc::recvmmsg(socket.as_raw_fd(), self.messages.as_mut_ptr(), BATCH as u32, flags, ptr::null_mut())
        };
        self.filled = checked(count)?;
        Ok(self.filled)
    }

    /// The datagrams received last.
    pub fn received(&self) -> impl Iterator<Item = &[u8]> {
        self.slots
            .iter()
            .zip(&*self.messages)
            .take(self.filled)
            .map(|(slot, message)| &slot[..message.msg_len as usize])
    }

    /// Slot number `index` to write into; what `set_length` says of it is sent.
    pub fn slot(&mut self, index: usize) -> &mut [u8; SLOT_BYTES] {
        &mut self.slots[index]
    }

    pub fn set_length(&mut self, index: usize, length: usize) {
        assert!(length <= SLOT_BYTES);
        // SAFETY: as in `receive`.
        unsafe { (*self.messages[index].msg_hdr.msg_iov).iov_len = length };
    }

    /// Send the first `count` slots; a socket whose buffer is full is waited for.
    pub fn send(&mut self, socket: &UdpSocket, count: usize) -> io::Result<()> {
        assert!(count <= BATCH);
        let mut sent = 0;
        while sent < count {
            // SAFETY: headers `sent` to `count` of this batch, each leading to one slot that outlives the call.
            let done = unsafe {
                let first = self.messages.as_mut_ptr().add(sent);
                libc::sendmmsg(socket.as_raw_fd(), first, (count - sent) as u32, 0)
            };
            sent += checked(done)?;
        }
        Ok(())
    }
}

/// A count, or the error; a signal or a time-out is no datagrams.
fn checked(count: i32) -> io::Result<usize> {
    if count >= 0 {
        return Ok(count as usize);
    }
    let error = io::Error::last_os_error();
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => Ok(0),
        _ => Err(error),
    }
}
