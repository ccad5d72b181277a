//! File descriptors that came from another process, as numbers.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// A descriptor of our own for what `number` stands for; whose that is does not matter.
///
/// # Errors
/// Those of `fcntl`, as when nothing is open under that number.
pub fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: this duplicates what is open under the number, or fails; it touches no memory.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened it for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_copy_is_the_same_socket_and_outlives_the_first() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let copy = UdpSocket::from(duplicate(socket.as_raw_fd()).unwrap());
        drop(socket);
        assert_eq!(copy.local_addr().unwrap(), address);
        assert_eq!(duplicate(-1).unwrap_err().raw_os_error(), Some(libc::EBADF));
    }
}
