//! Sockets to listen on: TCP, and one UDP socket a worker, at the same address and port.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::batch::tell_local_address;

const UDP_RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;
const BACKLOG: i32 = 512;
const TRIES: usize = 20;
/// How long a worker waits for packets before it looks whether it should end.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// One listen address: UDP sockets share its port, and the kernel spreads clients among them.
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    /// One a worker.
    pub udp: Vec<UdpSocket>,
    /// Does not block.
    pub tcp: TcpListener,
}

/// Bind all; port 0 takes one that is free for both.
///
/// # Errors
/// When the address cannot be had. TCP is bound first, without sharing, so that no other process can have the port.
pub fn bind(wanted: SocketAddr, workers: usize) -> io::Result<Listener> {
    for _ in 0..TRIES {
        let tcp = bind_tcp(wanted)?;
        let address = tcp.local_addr()?;
        match (0..workers).map(|_| bind_udp(address)).collect() {
            Ok(udp) => return Ok(Listener { address, udp, tcp }),
            Err(error) if wanted.port() == 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from(io::ErrorKind::AddrInUse))
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(true)?;
    socket.set_recv_buffer_size(UDP_RECEIVE_BUFFER_BYTES)?;
    socket.set_read_timeout(Some(LONGEST_WAIT))?;
    if address.ip().is_unspecified() {
        tell_local_address(socket.as_fd(), address.is_ipv6())?;
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}
