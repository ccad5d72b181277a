//! DNS cookies (RFC 7873, 9018): `gslb/core/answering/cookies.py`.

use std::net::IpAddr;

use crate::hash::siphash::siphash;
use crate::wire::client::Client;
use crate::wire::options::Cookie;
use crate::wire::told::COOKIE_BYTES;

/// What is older is not taken any more (RFC 9018 4.3).
const OLDEST_S: i32 = 3600;
/// How far another server's clock may be ahead of ours (RFC 9018 4.3).
const FARTHEST_AHEAD_S: i32 = 300;
const RENEWED_AFTER_S: i32 = 1800;
const VERSION: u8 = 1;
const LONGEST_HASHED_BYTES: usize = 8 + 8 + 16;

/// What became of a COOKIE option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// The client knows no cookie of ours yet.
    New,
    Valid,
    /// Not made by us, for another address, or too old.
    Invalid,
}

/// `reply`: what the COOKIE option of the reply holds.
#[derive(Clone, Copy)]
pub struct Shown {
    pub outcome: Outcome,
    pub reply: [u8; COOKIE_BYTES],
}

/// None where there are no secrets.
#[cold]
pub fn check(cookie: &Cookie<'_>, client: &Client, secrets: &[u128]) -> Option<Shown> {
    let &first = secrets.first()?;
    let [made0, made1, made2, made3] = client.unix_s.to_be_bytes();
    let made = [VERSION, 0, 0, 0, made0, made1, made2, made3];
    let fresh = reply(cookie.client, made, seal(cookie.client, made, client.address, first));
    if cookie.server.is_empty() {
        return Some(Shown { outcome: Outcome::New, reply: fresh });
    }
    let invalid = Some(Shown { outcome: Outcome::Invalid, reply: fresh });
    let Ok(server) = <[u8; 16]>::try_from(cookie.server) else { return invalid };
    let [version, _, _, _, made0, made1, made2, made3, _, _, _, _, _, _, _, _] = server;
    let made_s = u32::from_be_bytes([made0, made1, made2, made3]);
    let age_s = client.unix_s.wrapping_sub(made_s) as i32; // seconds come round (RFC 1982)
    if version != VERSION || !(-FARTHEST_AHEAD_S..=OLDEST_S).contains(&age_s) {
        return invalid;
    }
    let (made, sealed) = (server.first_chunk().copied()?, server.last_chunk().copied()?);
    // Reserved octets may hold anything (RFC 9018 4.2)
    let is_maker = |&&secret: &&u128| seal(cookie.client, made, client.address, secret) == sealed;
    let Some(&maker) = secrets.iter().find(is_maker) else { return invalid };
    let keeps = maker == first && age_s <= RENEWED_AFTER_S;
    let reply = if keeps { reply(cookie.client, made, sealed) } else { fresh };
    Some(Shown { outcome: Outcome::Valid, reply })
}

/// The hash of a server cookie (RFC 9018 4.4).
fn seal(client_cookie: [u8; 8], made: [u8; 8], address: IpAddr, secret: u128) -> [u8; 8] {
    let mut hashed = [0; LONGEST_HASHED_BYTES];
    let (head, tail) = hashed.split_at_mut(16);
    head.copy_from_slice([client_cookie, made].as_flattened());
    let address_bytes = match address {
        IpAddr::V4(v4) => {
            for (to, from) in tail.iter_mut().zip(v4.octets()) {
                *to = from;
            }
            4
        }
        IpAddr::V6(v6) => {
            tail.copy_from_slice(&v6.octets());
            16
        }
    };
    siphash(secret, hashed.get(..16 + address_bytes).unwrap_or_default()).to_le_bytes()
}

fn reply(client_cookie: [u8; 8], made: [u8; 8], sealed: [u8; 8]) -> [u8; COOKIE_BYTES] {
    let mut reply = [0; COOKIE_BYTES];
    reply.copy_from_slice([client_cookie, made, sealed].as_flattened());
    reply
}
