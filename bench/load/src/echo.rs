//! The ceiling: a server that does nothing but receive, mark as a reply, and send as many octets as an answer has.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use crate::batch::{make_room, Batch};

/// Until killed. Replies claim one answer, so that the generator counts them as such.
pub fn serve(listen: SocketAddr, reply_bytes: usize) -> io::Result<()> {
    let socket = UdpSocket::bind(listen)?;
    make_room(&socket)?;
    let mut batch = Batch::new(true);
    loop {
        let count = batch.receive(&socket, true)?;
        for index in 0..count {
            let reply = batch.slot(index);
            reply[2] |= 0x80;
            reply[7] = 1;
            batch.set_length(index, reply_bytes);
        }
        batch.send(&socket, count)?;
    }
}
