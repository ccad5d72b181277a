//! What every reply must be, whatever was asked.

use dns_core::{Client, MAX_UDP_BYTES, Transport};

use crate::message::Message;

const HEADER_BYTES: usize = 12;
const ECS: u16 = 8;
const FORMERR: u8 = 1;
const NOTIMP: u8 = 4;
const NOTAUTH: u8 = 9;
/// What a refused key's TSIG record ends with: the error BADKEY and no other data.
const BADKEY: &[u8] = &[0, 17, 0, 0];
const ANY: u16 = 255;
const BADVERS: u32 = 1 << 24;

/// Panics where a rule is broken. `reply` is empty where none was sent.
pub fn check(query: &[u8], client: &Client, reply: &[u8]) {
    if reply.is_empty() {
        assert!(query.len() < HEADER_BYTES || query[2] & 0x80 != 0, "a query was dropped");
        return;
    }
    assert!(reply[..2] == query[..2], "another id");
    assert!(reply[2] & 0x80 != 0 && query[2] & 0x80 == 0, "not a reply to a query");
    assert!(reply[2] & 0x79 == query[2] & 0x79, "another opcode or RD");
    assert!(reply[3] & 0xF0 == 0, "RA, Z, AD or CD");
    let said = Message::parse(reply, true).expect("the reply is malformed");
    if reply.len() == HEADER_BYTES {
        assert!(matches!(reply[3], FORMERR | NOTIMP), "a header alone with rcode {}", reply[3]);
        return;
    }
    let asked = Message::parse(query, false);
    check_size(asked.as_ref(), client, reply);
    check_question(query, &said);
    check_edns(asked.as_ref(), &said);
    check_tsig(asked.as_ref(), &said, reply[3] & 0xF);
    check_records(&said, reply[2] & 2 != 0);
}

/// RFC 6891 6.2.3, RFC 9715.
fn check_size(asked: Option<&Message<'_>>, client: &Client, reply: &[u8]) {
    let invited = asked.and_then(Message::opt).map_or(512, |opt| usize::from(opt.class).clamp(512, MAX_UDP_BYTES));
    let most = if client.transport == Transport::Tcp { usize::from(u16::MAX) } else { invited };
    assert!(reply.len() <= most, "{} octets, where {most} are allowed", reply.len());
}

/// The same question; none only where none was asked, as who wants a cookie may do (RFC 7873 5.4).
fn check_question(query: &[u8], said: &Message<'_>) {
    if query[4..6] == [0, 0] {
        let is_bare = said.questions.is_empty() && said.records().next().is_none();
        return assert!(is_bare && said.opt().is_some(), "an answer without a question");
    }
    let [question] = said.questions.as_slice() else { panic!("{} questions", said.questions.len()) };
    assert!(query[HEADER_BYTES..].starts_with(question), "another question");
}

/// OPT only where there was one, ECS only where it was asked for (RFC 6891 7, RFC 7871 7.2.1).
fn check_edns(asked: Option<&Message<'_>>, said: &Message<'_>) {
    let opts: Vec<_> = said.sections.iter().flatten().filter(|record| record.rrtype == crate::message::OPT).collect();
    let Some(opt) = said.opt() else {
        return assert!(opts.is_empty() && asked.is_none_or(|asked| asked.opt().is_none()), "OPT is missing");
    };
    assert!(opts.len() == 1 && opt.is_root && usize::from(opt.class) == MAX_UDP_BYTES, "a malformed OPT");
    assert!(opt.ttl & 0x00FF_7FFF == 0, "another version or flags than DO");
    let asked = asked.and_then(Message::opt).expect("OPT without being asked");
    assert!((opt.ttl ^ asked.ttl) & 0x8000 == 0, "another DO");
    if opt.ttl & 0xFF00_0000 == BADVERS {
        return;
    }
    let options = opt.options().expect("malformed options");
    for (_, content) in options.iter().filter(|(code, _)| *code == ECS) {
        let wanted = asked.options().expect("malformed options were understood");
        let wanted = wanted.iter().find(|(code, _)| *code == ECS).expect("ECS without being asked").1;
        assert!(content[..3] == wanted[..3] && content[4..] == wanted[4..], "another family, source or address");
        assert!(content[3] <= if content[1] == 1 { 32 } else { 128 }, "a scope longer than an address");
    }
}

/// Who signs is refused, by a record behind all others (RFC 8945 5.2.1); nobody else is.
fn check_tsig(asked: Option<&Message<'_>>, said: &Message<'_>, rcode: u8) {
    let is_signed = asked.is_some_and(|asked| asked.tsigs().next().is_some());
    assert!(rcode != NOTAUTH || is_signed, "NOTAUTH to who did not sign");
    let Some(tsig) = said.tsigs().next() else { return };
    let is_last = said.sections[2].last().is_some_and(|last| std::ptr::eq(last, tsig));
    assert!(rcode == NOTAUTH && is_last && said.tsigs().count() == 1, "a misplaced TSIG");
    assert!(tsig.class == ANY && tsig.ttl == 0 && tsig.rdata.ends_with(BADKEY), "a malformed TSIG");
}

fn check_records(said: &Message<'_>, is_truncated: bool) {
    assert!(!is_truncated || said.records().next().is_none(), "part of an answer");
    for record in said.records() {
        assert!(record.class == 1, "class {}", record.class);
    }
}
