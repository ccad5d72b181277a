//! A server on real sockets of the loopback interface, before it has a snapshot: every query is answered with an error,
//! which is all that moving bytes needs.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use dns_core::View;
use dns_io::{Clock, Server, Settings, TcpLimits, duplicate};

const DEADLINE: Duration = Duration::from_secs(5);
const LIMITS: TcpLimits = TcpLimits {
    idle: Duration::from_secs(10),
    drain: Duration::from_secs(10),
    per_address: 64,
    total: 1000,
    per_turn: 16,
    high_water_bytes: 64 * 1024,
};
const ANYWHERE_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const ANYWHERE_V6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);

fn settings(limits: TcpLimits) -> Settings {
    Settings { workers: 2, entropy: 1, clock: Clock::new(0), limits }
}

fn started(listen: SocketAddr, limits: TcpLimits) -> (Server, SocketAddr) {
    let mut server = Server::new(settings(limits));
    let bound = server.start(&[listen], Vec::new()).unwrap();
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
    let mut other = Server::new(settings(LIMITS));
    let (refused, error) = other.start(&[ANYWHERE_V4, address], Vec::new()).unwrap_err();
    assert_eq!((refused, error.kind()), (address, io::ErrorKind::AddrInUse));
    let mut client = connect(address);
    until("the connection", || sum(&server, |worker| worker.tcp.open()) == 1);
    server.stop();
    assert!(read_reply(&mut client).is_err());
    drop(client);
    assert_eq!(other.start(&[address], Vec::new()).unwrap(), [address]);
    let client = client_of(address);
    client.send(&query(5)).unwrap();
    assert_eq!(receive(&client), 5);
}

fn take_over(from: &Server, listen: &[SocketAddr], workers: usize) -> (Server, Vec<SocketAddr>) {
    let mut server = Server::new(Settings { workers, ..settings(LIMITS) });
    let taken = from.descriptors().into_iter().map(|number| duplicate(number).unwrap()).collect();
    let bound = server.start(listen, taken).unwrap();
    (server, bound)
}

#[test]
fn a_server_that_takes_over_answers_what_waits_in_the_sockets() {
    let (mut old, address) = started(ANYWHERE_V4, LIMITS);
    let client = client_of(address);
    let mut next = 0..;
    for workers in [1, 5, 2] {
        let (new, bound) = take_over(&old, &[address], workers);
        assert_eq!(bound, [address]);
        let ids: BTreeSet<u16> = next.by_ref().take(100).collect();
        for &id in &ids {
            client.send(&query(id)).unwrap();
        }
        old.drain();
        assert_eq!((0..100).map(|_| receive(&client)).collect::<BTreeSet<_>>(), ids);
        assert!(old.descriptors().is_empty());
        old = new;
    }
    let mut tcp = connect(address);
    tcp.write_all(&framed(&query(7))).unwrap();
    assert_eq!(read_reply(&mut tcp).unwrap(), 7);
}

#[test]
fn addresses_no_longer_wanted_are_closed_and_new_ones_bound() {
    let (mut old, address) = started(ANYWHERE_V4, LIMITS);
    let (_new, bound) = take_over(&old, &[ANYWHERE_V6], 1);
    old.drain();
    assert!(bound[0].is_ipv6());
    assert!(UdpSocket::bind(address).is_ok() && TcpStream::connect(address).is_err());
}

#[test]
fn who_cannot_have_an_address_leaves_the_sockets_it_took_to_their_server() {
    let (old, address) = started(ANYWHERE_V4, LIMITS);
    let (_other, refused) = started(ANYWHERE_V4, LIMITS);
    let mut new = Server::new(settings(LIMITS));
    let taken = old.descriptors().into_iter().map(|number| duplicate(number).unwrap()).collect();
    assert_eq!(new.start(&[address, refused], taken).unwrap_err().0, refused);
    let client = client_of(address);
    client.send(&query(1)).unwrap();
    assert_eq!(receive(&client), 1);
}

#[test]
fn draining_answers_who_is_connected_until_they_leave_or_fall_silent() {
    let (mut old, address) = started(ANYWHERE_V4, TcpLimits { drain: Duration::from_secs(2), ..LIMITS });
    let (mut client, mut silent) = (connect(address), connect(address));
    until("both", || sum(&old, |worker| worker.tcp.open()) == 2);
    let (_new, _) = take_over(&old, &[address], 2);
    let drained = std::thread::spawn(move || {
        old.drain();
        old
    });
    let mut answered = 0;
    // Until the bound on the whole
    while client.write_all(&framed(&query(1))).is_ok() && read_reply(&mut client).is_ok() {
        answered += 1;
    }
    assert!(answered > 1, "it did not go on");
    assert!(read_reply(&mut silent).is_err());
    let closed: Vec<_> = drained.join().unwrap().counters().flat_map(|worker| worker.tcp.closed()).collect();
    assert_eq!(closed, [("idle", 1), ("shutdown", 1)]);
}

#[test]
fn a_server_that_drains_holds_no_address() {
    let (mut old, address) = started(ANYWHERE_V4, LIMITS);
    let _client = connect(address);
    until("the connection", || sum(&old, |worker| worker.tcp.open()) == 1);
    let drained = std::thread::spawn(move || old.drain());
    until("the port", || std::net::TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok());
    assert!(!drained.is_finished());
    drained.join().unwrap();
}
