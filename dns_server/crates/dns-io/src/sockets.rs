//! Sockets to listen on: TCP, and one UDP socket a worker, at the same address and port; bound by us, or taken over from
//! the process before us together with all that waits in them.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
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
    /// At least one.
    pub udp: Vec<Arc<UdpSocket>>,
    /// Does not block.
    pub tcp: TcpListener,
}

impl Listener {
    /// All of its sockets, to be passed on.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> + '_ {
        self.udp.iter().map(AsRawFd::as_raw_fd).chain([self.tcp.as_raw_fd()])
    }
}

/// Sort sockets of another process by address; they may be of either engine, and are in use there.
///
/// # Errors
/// When one of them is not what `Listener::descriptors` gives.
pub fn adopt(taken: Vec<OwnedFd>) -> io::Result<Vec<Listener>> {
    let sockets: Vec<Socket> = taken.into_iter().map(Socket::from).collect();
    let mut listeners = Vec::new();
    let (streams, datagrams): (Vec<_>, Vec<_>) =
        sockets.into_iter().partition(|socket| matches!(socket.r#type(), Ok(Type::STREAM)));
    for tcp in streams {
        tcp.set_nonblocking(true)?;
        let tcp = TcpListener::from(tcp);
        listeners.push(Listener { address: tcp.local_addr()?, udp: Vec::new(), tcp });
    }
    for udp in datagrams {
        udp.set_nonblocking(false)?;
        udp.set_read_timeout(Some(LONGEST_WAIT))?;
        let udp = UdpSocket::from(udp);
        let address = udp.local_addr()?;
        let listener = listeners.iter_mut().find(|listener| listener.address == address);
        listener.ok_or(io::ErrorKind::InvalidInput)?.udp.push(Arc::new(udp));
    }
    listeners.retain(|listener| !listener.udp.is_empty());
    Ok(listeners)
}

/// Bind all; port 0 takes one that is free for both.
///
/// # Errors
/// When the address cannot be had. TCP is bound first, without sharing, so that no other process can have the port.
pub fn bind(wanted: SocketAddr, workers: usize) -> io::Result<Listener> {
    for _ in 0..TRIES {
        let tcp = bind_tcp(wanted)?;
        let address = tcp.local_addr()?;
        match (0..workers).map(|_| bind_udp(address).map(Arc::new)).collect() {
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
