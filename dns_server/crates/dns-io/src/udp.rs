//! DNS over UDP: one thread a socket, as many packets a turn as are waiting, up to a bound.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use dns_core::GROUP;

use crate::batch::Batch;
use crate::responder::Responder;
use crate::shared::Shared;
use crate::slice;

/// After the kernel failed to receive, so that a lasting failure costs no core.
const PAUSE: Duration = Duration::from_millis(10);

/// Answer until told to end. View and time are looked up once a batch.
pub fn run(socket: &UdpSocket, with_control: bool, shared: &Shared, responder: &mut Responder) {
    slice::ask_for_short();
    let mut batch = Batch::new(with_control);
    while shared.is_receiving() {
        match batch.receive(socket.as_fd()) {
            Ok(count) => turn(socket, &mut batch, count, shared, responder),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => {
                responder.counters().receive_failed.add(1);
                thread::sleep(PAUSE);
            }
        }
    }
}

fn turn(socket: &UdpSocket, batch: &mut Batch, count: usize, shared: &Shared, responder: &mut Responder) {
    let view = shared.view();
    responder.begin(shared.now(), count);
    for first in (0..count).step_by(GROUP) {
        let slots = first..count.min(first + GROUP);
        let (packets, replies) = batch.group(slots.clone());
        let lengths = responder.over_udp(&packets, &view, replies);
        slots.zip(lengths).filter(|&(_, length)| length > 0).for_each(|(slot, length)| batch.reply(slot, length));
    }
    drop(view);
    let failed = batch.send(socket.as_fd()).failed;
    responder.end(|begin| shared.since(begin));
    if failed > 0 {
        responder.counters().send_failed.add(failed as u64);
    }
}
