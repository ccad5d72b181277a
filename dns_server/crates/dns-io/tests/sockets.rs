//! A server on real sockets of the loopback interface, before it has a snapshot: every query is answered with an error,
//! which is all that moving bytes needs.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use dns_core::View;
use dns_io::{Clock, Server, Settings, TcpLimits};

const DEADLINE: Duration = Duration::from_secs(5);
const LIMITS: TcpLimits = TcpLimits {
    idle: Duration::from_secs(10),
    per_address: 64,
    total: 1000,
    per_turn: 16,
    high_water_bytes: 64 * 1024,
};
const ANYWHERE_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const ANYWHERE_V6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);

fn started(listen: SocketAddr, limits: TcpLimits) -> (Server, SocketAddr) {
    let mut server = Server::new(Settings { workers: 2, entropy: 1, clock: Clock::new(0), limits });
    let bound = server.start(&[listen]).unwrap();
    (server, bound[0])
}

/// A query for the root's NS records.
fn query(id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![high, low, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1]
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

fn client_of(server: SocketAddr) -> UdpSocket {
    let client = UdpSocket::bind(if server.is_ipv4() { ANYWHERE_V4 } else { ANYWHERE_V6 }).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.connect(server).unwrap();
    client
}

fn id_of_reply(message: &[u8]) -> u16 {
    assert!(message.len() >= 12 && message[2] & 0x80 != 0, "{message:?} is no reply");
    u16::from_be_bytes([message[0], message[1]])
}

fn receive(client: &UdpSocket) -> u16 {
    let mut reply = [0; 2000];
    let length = client.recv(&mut reply).unwrap();
    id_of_reply(&reply[..length])
}

fn connect(server: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(server).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client
}

fn read_reply(client: &mut TcpStream) -> io::Result<u16> {
    let mut length = [0; 2];
    client.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    client.read_exact(&mut message)?;
    Ok(id_of_reply(&message))
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < DEADLINE, "{what} did not come");
        std::thread::yield_now();
    }
}

fn sum(server: &Server, count: fn(&dns_io::WorkerCounters) -> u64) -> u64 {
    server.counters().map(count).sum()
}

#[test]
fn packets_that_come_together_are_all_answered() {
    for listen in [ANYWHERE_V4, ANYWHERE_V6] {
        let (server, address) = started(listen, LIMITS);
        let client = client_of(address);
        for id in 0..200 {
            client.send(&query(id)).unwrap();
        }
        let replies: BTreeSet<u16> = (0..200).map(|_| receive(&client)).collect();
        assert_eq!(replies, (0..200).collect());
        assert_eq!(sum(&server, |worker| worker.stats.received_bytes.get()), 200 * 17);
    }
}

#[test]
fn what_is_longer_than_a_query_can_be_is_cut_off_and_owed_no_large_reply() {
    let (_server, address) = started(ANYWHERE_V4, LIMITS);
    let client = client_of(address);
    let mut long = query(1);
    long.resize(20_000, 7);
    client.send(&long).unwrap();
    client.send(&query(2)).unwrap();
    assert_eq!([receive(&client), receive(&client)], [1, 2]);
}

#[test]
fn wildcard_sockets_reply_from_the_address_that_was_asked() {
    let (_server, address) = started(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0), LIMITS);
    for asked in [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 9, 8, 7)] {
        // Connected, it hears nothing from any other address
        let client = client_of(SocketAddr::new(asked.into(), address.port()));
        for id in 0..3 {
            client.send(&query(id)).unwrap();
            assert_eq!(receive(&client), id);
        }
    }
    let (_server, address) = started(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0), LIMITS);
    let client = client_of(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()));
    client.send(&query(9)).unwrap();
    assert_eq!(receive(&client), 9);
}

#[test]
fn views_are_swapped_while_it_answers() {
    let (server, address) = started(ANYWHERE_V4, LIMITS);
    let client = client_of(address);
    for id in 0..500 {
        server.publish(View::nothing());
        client.send(&query(id)).unwrap();
        server.publish(View::nothing());
        assert_eq!(receive(&client), id);
    }
}

#[test]
fn a_half_closed_connection_gets_its_answers_in_order_and_then_the_end() {
    let (server, address) = started(ANYWHERE_V4, LIMITS);
    let mut client = connect(address);
    let all: Vec<u8> = (0..1000).flat_map(|id| framed(&query(id))).collect();
    client.write_all(&all).unwrap();
    client.write_all(&[0]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    for id in 0..1000 {
        assert_eq!(read_reply(&mut client).unwrap(), id);
    }
    assert_eq!(client.read(&mut [0; 10]).unwrap(), 0);
    until("the end of the connection", || sum(&server, |worker| worker.tcp.open()) == 0);
}

#[test]
fn a_query_that_comes_octet_by_octet_is_answered() {
    let (_server, address) = started(ANYWHERE_V4, LIMITS);
    let mut client = connect(address);
    client.set_nodelay(true).unwrap();
    for octet in framed(&query(3)) {
        client.write_all(&[octet]).unwrap();
    }
    assert_eq!(read_reply(&mut client).unwrap(), 3);
}

#[test]
fn the_longest_idle_makes_room_and_no_address_gets_more_than_its_share() {
    let (server, address) = started(ANYWHERE_V4, TcpLimits { total: 2, ..LIMITS });
    let mut held = [connect(address), connect(address)];
    until("both", || sum(&server, |worker| worker.tcp.open()) == 2);
    held[0].write_all(&framed(&query(1))).unwrap();
    read_reply(&mut held[0]).unwrap();
    let mut third = connect(address);
    third.write_all(&framed(&query(2))).unwrap();
    assert_eq!(read_reply(&mut third).unwrap(), 2);
    assert!(read_reply(&mut held[1]).is_err());
    held[0].write_all(&framed(&query(4))).unwrap();
    assert_eq!(read_reply(&mut held[0]).unwrap(), 4);

    let (server, address) = started(ANYWHERE_V4, TcpLimits { per_address: 1, ..LIMITS });
    let _held = connect(address);
    until("the first", || sum(&server, |worker| worker.tcp.open()) == 1);
    assert!(read_reply(&mut connect(address)).is_err());
    let closed: Vec<_> = server.counters().flat_map(|worker| worker.tcp.closed()).collect();
    assert_eq!(closed, [("too many of one address", 1)]);
}

#[test]
fn stopping_frees_the_port_and_an_address_that_is_taken_is_an_error() {
    let (mut server, address) = started(ANYWHERE_V4, LIMITS);
    let mut other = Server::new(Settings { workers: 1, entropy: 1, clock: Clock::new(0), limits: LIMITS });
    let (refused, error) = other.start(&[ANYWHERE_V4, address]).unwrap_err();
    assert_eq!((refused, error.kind()), (address, io::ErrorKind::AddrInUse));
    let mut client = connect(address);
    until("the connection", || sum(&server, |worker| worker.tcp.open()) == 1);
    server.stop();
    assert!(read_reply(&mut client).is_err());
    drop(client);
    assert_eq!(other.start(&[address]).unwrap(), [address]);
    let client = client_of(address);
    client.send(&query(5)).unwrap();
    assert_eq!(receive(&client), 5);
}
